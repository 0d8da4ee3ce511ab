// Sends what is in the outbox, in order per channel: as frames where the wire in use takes them, else by POST with one
// request a channel in flight. After a change of wire all that is unacknowledged goes out again; the ids do the rest.
(function (anywire) {
  'use strict';

  var BATCH = 100; // the server's limit
  var REFUSED_MS = 1000; // where a refusal names no time
  var REQUEST_MS = 15000;

  function body(entry) {
    return '"channel":' + JSON.stringify(entry.channel) + ',"id":"' + entry.id + '","data":' + entry.json + '}';
  }

  /**
   * host: frames() → the sending function of the wire in use, or null; canRequest();
   * onQuiet(): an acknowledgement takes longer than server.quietMs().
   */
  anywire.publisher = function (env, outbox, server, host) {
    var lanes = {}; // by channel: {request, failures, window: how many go at once}
    var paused = anywire.timers(env); // by channel
    var waiting = {}; // entries by the ref that they were sent with
    var lastRef = 0;
    var isFlushing = false;
    var watch;

    function finish(entry, error, receipt) {
      if (outbox.remove(entry)) { entry.done(error, receipt); }
    }

    function pause(name, ms) {
      if (!paused.isArmed(name)) { paused.arm(name, flush, ms); }
    }

    function flushSoon() {
      if (!isFlushing) { env.soon(flush); }
      isFlushing = true;
    }

    // Refused for now: all that follows it is, too. So one goes ahead, and more of them for each that is taken.
    function refused(name, ms) {
      lanes[name].window = 1;
      pause(name, ms || REFUSED_MS);
    }

    // --- frames

    // From the first that isn't sent on, all go again: the server refuses what comes after a refused one.
    function sendFrames(send, lane, entries) {
      var isBehind = false;
      anywire.each(entries.slice(0, lane.window), function (entry) {
        isBehind = isBehind || !entry.ref;
        if (!isBehind) { return; }
        lastRef += 1;
        entry.ref = lastRef;
        entry.sentMs = env.now();
        waiting[lastRef] = entry;
        send('{"type":"publish","ref":' + lastRef + ',' + body(entry));
      });
      if (!watch && entries.length) { watch = env.setTimeout(checkQuiet, server.quietMs()); }
    }

    function checkQuiet() {
      var sent = anywire.filter(outbox.list(), function (entry) { return entry.ref; });
      watch = null;
      if (!sent.length || !host.frames()) { return; }
      if (env.now() - sent[0].sentMs >= server.quietMs()) { host.onQuiet(); }
      watch = env.setTimeout(checkQuiet, server.quietMs() / 2);
    }

    // --- requests

    function post(name, lane, entries) {
      var parts = [];
      var taken = entries.slice(0, lane.failures ? 1 : Math.min(BATCH, lane.window));
      anywire.each(taken, function (entry) { parts.push('{' + body(entry)); });
      lane.request = server.post('v1/publish', parts.length > 1 ? '{"messages":[' + parts.join() + ']}' : parts[0],
        function (result) {
          lane.request = null;
          answered(name, lane, taken, result);
          flush();
        }, REQUEST_MS);
    }

    function answered(name, lane, taken, result) {
      var status = result.status;
      var results = status === 200 && result.body && (taken.length > 1 ? result.body.results : [result.body]);
      if (results) {
        lane.failures = 0;
        anywire.each(taken, function (entry) { settle(name, entry, results.shift() || {}); });
        return;
      }
      if (host.frames()) {
        return; // a better wire came meanwhile and has sent them again
      }
      lane.failures += 1;
      if (anywire.mayRetry(result)) {
        pause(name, result.retryMs || anywire.backOffMs(env, lane.failures));
      } else if (taken.length < 2) { // else one of them spoils the batch, and one by one it is found
        finish(taken[0], anywire.errorOf(result));
      }
    }

    function settle(name, entry, answer) {
      var error = answer.error || (answer.code && answer);
      if (error && anywire.isTransient(error.code)) {
        refused(name, error.retry);
      } else {
        lanes[name].window += 1;
        finish(entry, error || null, answer);
      }
    }

    function flush() {
      var send = host.frames();
      var lists = {};
      isFlushing = false;
      anywire.each(outbox.list(), function (entry) { (lists[entry.channel] = lists[entry.channel] || []).push(entry); });
      anywire.each(anywire.keys(lists), function (name) {
        var lane = lanes[name] = lanes[name] || {failures: 0, window: Infinity};
        if (paused.isArmed(name)) { return; }
        if (send) {
          sendFrames(send, lane, lists[name]);
        } else if (!lane.request && host.canRequest()) {
          post(name, lane, lists[name]);
        }
      });
    }

    return {
      /** Once for all that one turn publishes. */
      flush: flushSoon,

      /** Another wire: nothing that the last one took counts as sent. */
      reset: function () {
        waiting = {};
        paused.clear();
        anywire.each(outbox.list(), function (entry) { entry.ref = 0; });
        flush();
      },

      /** An `ack` or an `error` with a ref. */
      answer: function (event) {
        var entry = waiting[event.ref];
        if (!entry) { return; }
        delete waiting[event.ref];
        if (event.type === 'ack') {
          lanes[entry.channel].window += 1;
          finish(entry, null, event);
          if (lanes[entry.channel].window < Infinity) { flushSoon(); }
        } else if (!anywire.isTransient(event.code)) {
          finish(entry, event);
        } else if (entry.ref === event.ref) { // else it was sent once more since
          entry.ref = 0;
          refused(entry.channel, event.retry);
        }
      },

      close: function () {
        env.clearTimeout(watch);
        paused.clear();
        anywire.each(anywire.keys(lanes), function (name) { if (lanes[name].request) { lanes[name].request.abort(); } });
        outbox.save();
      }
    };
  };
}(anywire));
