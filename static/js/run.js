// A task run on the server: its items, each once and in order, its progress and its end, whatever becomes of the stream
// that brings them. The id makes it one job however often it is asked for. Once the job is known, what a stream leaves
// out comes by the job's channel, over any wire, and from the list of its items.
(function (anywire) {
  'use strict';

  var TRIES = 10;
  var PATIENCE_MS = 5000; // for the first word, once the body is there; to ask once more costs nothing
  var CHARS_PER_MS = 10; // of a slow line
  var UNKNOWN_CHARS = 6e6; // of a form
  var SILENT_BEATS = 1.5;
  var PAGE = 1000; // items at once, the server's limit

  /** What is sent of *body*: {body, contentType}; without a type where the browser finds it. */
  function encode(env, body, contentType) {
    var kind = Object.prototype.toString.call(body);
    var sent = {body: body};
    if (/File|Blob/.test(kind)) {
      sent.body = env.form(body);
    } else if (!/FormData/.test(kind)) {
      sent.body = typeof body === 'string' ? body : JSON.stringify(body || {});
      sent.contentType = contentType || 'application/json';
    }
    return sent;
  }

  /** tell(name, value) calls what the page has for onItem, onState. done(error, result) once. */
  anywire.run = function (env, server, wire, task, body, options, tell, done) {
    var id = options.id || env.id();
    var sent = encode(env, body, options.contentType);
    var way = env.fetch ? 0 : 1; // fetch, XMLHttpRequest, or no stream: the job alone
    var failures = 0;
    var last = -1; // the index of the item that was delivered last
    var position; // of the newest state
    var newest = {};
    var job = '';
    var isOver = false;
    var isCollecting = false;
    var request;
    var followed;

    function finish(error, result) {
      if (isOver) { return; }
      isOver = true;
      request.abort();
      if (followed) { followed.stop(); }
      done(error, result);
    }

    function finishAs(state) {
      var result = state.result || {};
      if (state.state === 'done') { finish(null, state.result); } else { finish(result.error || {code: state.state, message: state.note}); }
    }

    function later(fn, result) {
      failures += 1;
      env.setTimeout(fn, result.retryMs || anywire.backOffMs(env, failures));
    }

    // --- asking for it

    function ask() {
      var isStream = way < 2;
      if (isOver) { return; }
      request = server.send('v1/run/' + task + '?' + server.query([['stream', isStream && 'true'], ['wait', !isStream && '0'], ['id', id]], []), {
        body: sent.body, contentType: sent.contentType,
        timeoutMs: PATIENCE_MS + (sent.body.length || body.size || UNKNOWN_CHARS) / CHARS_PER_MS,
        isFetch: !way, text: isStream && anywire.eventStream(onEvent),
        quietMs: SILENT_BEATS * (server.offer.heartbeat || 15000)
      }, ended);
    }

    function onEvent(message) {
      var event;
      try { event = JSON.parse(message.data); } catch (notOurs) { return; }
      if (isOver || followed) { return; }
      if (event.type === 'job') {
        job = event.id;
      } else if (event.type === 'item') {
        if (event.index > last + 1) { follow(); } else { onItem(event); }
      } else if (event.type === 'state') {
        onState(event.data, event);
      } else if (event.type === 'end') {
        finish(null, event.result);
      } else if (event.type === 'error') {
        finish(event);
      }
    }

    function ended(result) {
      var body = result.body;
      if (isOver || followed) { return; }
      if (body && body.job) { job = body.job.id; }
      if (job) {
        follow();
      } else if (anywire.mayRetry(result) && failures < TRIES) {
        if (!anywire.reasonOf(result).isAlive) { way += 1; }
        later(ask, result);
      } else {
        finish(anywire.errorOf(result));
      }
    }

    // --- what came

    function onItem(item) {
      if (item.index <= last) { return; }
      last = item.index;
      tell('onItem', item);
    }

    function onState(state, event) {
      position = event.position;
      newest = state;
      tell('onState', state);
    }

    // --- without the stream

    function follow() {
      request.abort();
      followed = wire.job(job, function (state, event) {
        onState(state, event);
        look();
      }, finish, position);
      look();
    }

    function look() { if (!isCollecting && (anywire.isFinal(newest) || newest.items > last + 1)) { collect(); } }

    function collect() {
      var isAll = anywire.isFinal(newest); // known before asking: then no item comes after the answer
      if (isOver) { return; }
      isCollecting = true;
      request = server.get('v1/jobs/' + job + '/items', [['after', String(last)], ['limit', PAGE]], function (result) {
        var page = result.status === 200 && result.body;
        if (page) {
          failures = 0;
          isCollecting = false;
          anywire.each(page.items, onItem);
          if (page.more || (!isAll && anywire.isFinal(newest))) {
            collect();
          } else if (isAll) {
            finishAs(newest);
          }
        } else if (anywire.mayRetry(result)) {
          later(collect, result);
        } else {
          finish(anywire.errorOf(result));
        }
      });
    }

    ask();
  };
}(anywire));
