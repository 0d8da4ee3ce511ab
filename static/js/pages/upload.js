// A file on its way to the server, and the job that it becomes there. The id makes it one job however often it is sent.
(function (pages) {
  'use strict';
  var TRIES = 10;
  var HELD_MS = 2000; // the answer begins at once, unless something on the way waits for its end
  var LOOK_MS = 2000;
  var base = pages.block('anywire-page').base;

  function jobOf(text) {
    var event = /(?:^|\n)data: (\{"type":"job".*\})\r?\n/.exec(text);
    return event && JSON.parse(event[1]);
  }

  // A Blob has no name of its own.
  function form(file) {
    var data = new window.FormData();
    data.append('file', file, file.name);
    return data;
  }

  /**
   * on: sent(done, total) in bytes, arrived() when all of it is there, trouble(error) before it is sent again, job(id),
   * refused(error) for good. isNew(job): whether one of the visitor's jobs wasn't there before. Returns {stop()}.
   */
  pages.upload = function (file, isNew, on) {
    var id = pages.newId();
    var tries = 0;
    var isOver = false;
    var timer = null;
    var xhr = null;
    var looking = null;

    function end(tell, value) {
      if (isOver) { return; }
      isOver = true;
      clearTimeout(timer);
      if (looking) { looking.stop(); }
      xhr.abort();
      if (tell) { tell(value); }
    }

    // Where the answer is held back until its end, which may be far off, the list of jobs tells.
    function look() {
      looking = pages.ask('GET', 'v1/jobs', null, function (error, answer) {
        var jobs = error ? [] : answer.jobs;
        for (var i = 0; i < jobs.length; i += 1) {
          if (jobs[i].title === file.name && isNew(jobs[i])) {
            end(on.job, jobs[i].id);
            return;
          }
        }
        timer = setTimeout(look, LOOK_MS);
      });
    }

    function arrived() {
      if (isOver) { return; }
      on.arrived();
      clearTimeout(timer);
      timer = setTimeout(look, HELD_MS);
    }

    function ended(mine) {
      var said = pages.readAnswer(mine);
      var retryAfter = null;
      clearTimeout(timer);
      if (said.error && said.error.code === 'http-200') { said.error.code = 'network'; } // the stream was cut before its first word
      tries += 1;
      if (!said.error || !said.mayRetry || tries > TRIES) {
        end(on.refused, said.error || {code: 'network'});
        return;
      }
      try { retryAfter = mine.getResponseHeader('Retry-After'); } catch (none) { /* no answer, no header */ }
      on.trouble(said.error);
      timer = setTimeout(send, pages.waitMs(tries, retryAfter));
    }

    function send() {
      var mine = xhr = new window.XMLHttpRequest();
      mine.onreadystatechange = function () {
        var job;
        if (isOver || mine !== xhr || mine.readyState < 3) { return; }
        job = mine.status === 200 && jobOf(mine.responseText);
        if (job) { end(on.job, job.id); } else if (mine.readyState === 4) { ended(mine); }
      };
      if (mine.upload) {
        mine.upload.onprogress = function (event) { if (!isOver) { on.sent(Math.min(event.loaded, file.size), file.size); } };
        mine.upload.onload = arrived;
      }
      mine.open('POST', base + 'v1/run/import?stream=true&id=' + id, true);
      mine.send(form(file));
    }

    send();
    return {stop: function () { end(); }};
  };
}(window.AnywirePages));
