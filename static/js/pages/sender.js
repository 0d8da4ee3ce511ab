// Sending a file: how much of it is there, how long the rest will take, and what to do when it is stopped on its way.
(function (pages) {
  'use strict';
  var t = pages.t;
  var SURE_S = 1; // before that the pace is a guess

  /** Why the server didn't take a file. */
  pages.uploadWords = function (error, maxBytes) {
    if (error.code === 'too-large') { return t('an import takes {most} at most', {most: pages.size(maxBytes)}); }
    return error.message ? pages.serverSentence(error.code === 'bad-request' ? error.message : pages.errorWords(error)) : pages.errorWords(error);
  };

  /** on: began(job) with its id, refused(error), stopped(text) when the visitor has stopped it before it was there. */
  pages.sender = function (view, list, on) {
    var upload = null;
    var file = null;
    var startedMs = 0;
    var hasArrived = false;
    var isUnwanted = false;
    var trouble = '';

    function show(done, total) {
      var passedS = (new Date().getTime() - startedMs) / 1000;
      var facts = [t('sending… {size}', {size: pages.sizeOf(done, total)})];
      if (trouble) {
        facts.push(trouble);
      } else if (hasArrived) {
        facts = [t('sent; waiting for the first row…')];
      } else if (done && passedS > SURE_S) {
        facts.push(pages.timeLeft((total - done) * passedS / done));
      }
      view.sending(file.name, facts, total ? 100 * done / total : 0);
      list.sending(file.name, facts[0]);
    }

    function end() {
      upload = null;
      view.notice('');
      list.sending('');
      window.onbeforeunload = null;
    }

    function send(chosen) {
      file = chosen;
      hasArrived = isUnwanted = false;
      trouble = '';
      startedMs = new Date().getTime();
      view.begin();
      show(0, file.size);
      // The file is gone with the page; the job that it becomes isn't.
      window.onbeforeunload = function () { return t('The file is still being sent.'); };
      upload = pages.upload(file, list.isNew, {
        sent: function (done, total) {
          trouble = '';
          show(done, total);
        },
        arrived: function () {
          hasArrived = true;
          show(file.size, file.size);
        },
        trouble: function (error) {
          hasArrived = false;
          trouble = t('{reason}; trying again', {reason: pages.errorWords(error)});
          startedMs = new Date().getTime();
          show(0, file.size);
        },
        job: function (id) {
          end();
          on.began(id, isUnwanted);
        },
        refused: function (error) {
          end();
          on.refused(error);
        }
      });
    }

    return {
      send: send,
      isSending: function () { return !!upload; },
      // Once all of it is there the job begins, whether we listen or not: it is cancelled when its id is known.
      cancel: function () {
        if (hasArrived) {
          isUnwanted = true;
          return;
        }
        upload.stop();
        end();
        on.stopped(t('Stopped before {name} was sent: nothing of it was imported.', {name: file.name}));
      }
    };
  };
}(window.AnywirePages));
