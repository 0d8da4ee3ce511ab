// Sends what is in the outbox, in order per channel: as frames where the wire in use takes them, else by POST with one
// request a channel in flight. After a change of wire all that is unacknowledged goes out again; the ids do the rest.
(function (anywire) {
  'use strict';

  var BATCH = 100; // the server's limit
  var BATCH_CHARS = 262144; // so that a slow line gets an answer before its time-out
  var REFUSED_MS = 1000; // where a refusal names no time
  var REQUEST_MS = 15000;

  function body(entry) {
    return '"channel":' + JSON.stringify(entry.channel) + ',"id":"' + entry.id + '","data":' + entry.json + '}';
  }

  /**
   * host: frames() → the sending function of the wire in use, or null; canRequest(); post(path, body, timeoutMs, done);
   * quietMs(): how long an acknowledgement may take; onQuiet(): it took longer.
   */
  anywire.publisher = function (env, outbox, host) {
    var lanes = {}; // by channel: {timer, request, failures, isSingle}
    var waiting = {}; // entries by the ref that they were sent with
    var lastRef = 0;
    var watch = null;

    function finish(entry, error, receipt) {
      if (outbox.remove(entry)) { entry.done(error, receipt); }
    }

    function pause(lane, ms) {
      if (lane.timer) { return; }
      lane.timer = env.setTimeout(function () {
        lane.timer = null;
        flush();
      }, ms);
    }

    // --- frames

    function sendFrame(send, entry) {
      lastRef += 1;
      entry.ref = lastRef;
      entry.isSent = true;
      entry.sentMs = env.now();
      waiting[lastRef] = entry;
      send('{"type":"publish","ref":' + lastRef + ',' + body(entry));
      if (!watch) { watch = env.setTimeout(checkQuiet, host.quietMs()); }
    }

    function checkQuiet() {
      var entries = outbox.list();
      var oldest = Infinity;
      watch = null;
      for (var i = 0; i < entries.length; i += 1) {
        if (entries[i].isSent) { oldest = Math.min(oldest, entries[i].sentMs); }
      }
      if (oldest === Infinity || !host.frames()) { return; }
      if (env.now() - oldest >= host.quietMs()) { host.onQuiet(); }
      watch = env.setTimeout(checkQuiet, Math.max(host.quietMs() - (env.now() - oldest), host.quietMs() / 2));
    }

    // From the first that isn't sent on, all go again: the server refuses what comes after a refused one.
    function flushFrames(send, lane, entries) {
      var isBehind = false;
      for (var i = 0; i < entries.length; i += 1) {
        isBehind = isBehind || !entries[i].isSent;
        if (isBehind) { sendFrame(send, entries[i]); }
      }
    }

    // --- requests

    function batch(entries, most) {
      var chars = 0;
      var taken = [];
      for (var i = 0; i < entries.length && i < most; i += 1) {
        chars += entries[i].json.length;
        if (i && chars > BATCH_CHARS) { break; }
        taken.push(entries[i]);
      }
      return taken;
    }

    function flushRequest(lane, entries) {
      var taken = batch(entries, lane.isSingle ? 1 : BATCH);
      var parts = [];
      for (var i = 0; i < taken.length; i += 1) { parts.push('{' + body(taken[i])); }
      lane.request = host.post('v1/publish', taken.length > 1 ? '{"messages":[' + parts.join(',') + ']}' : parts[0],
        REQUEST_MS, function (result) {
          lane.request = null;
          answered(lane, taken, result);
          flush();
        });
    }

    function answered(lane, taken, result) {
      var results = taken.length > 1 ? result.body && result.body.results : [result.body];
      var status = result.status;
      if (status !== 200 && host.frames()) { return; } // a better wire came meanwhile and has sent them again
      if (status === 200 && results && results[0]) {
        lane.failures = 0;
        lane.isSingle = false;
        for (var i = 0; i < taken.length; i += 1) { settle(lane, taken[i], results[i] || {}); }
      } else if (status < 400 || status >= 500 || status === 429 || status === 408 || result.isRetry) {
        lane.failures += 1;
        pause(lane, result.retryMs || anywire.backOffMs(env, lane.failures));
      } else if (taken.length > 1) {
        lane.isSingle = true; // one of them spoils the batch: find out which
      } else {
        finish(taken[0], anywire.errorOf(result));
      }
    }

    function settle(lane, entry, answer) {
      var error = answer.error || (answer.code ? answer : null);
      if (!error) {
        finish(entry, null, answer);
      } else if (anywire.isTransient(error.code)) {
        pause(lane, error.retry || REFUSED_MS);
      } else {
        finish(entry, error);
      }
    }

    // --- both

    function flush() {
      var entries = outbox.list();
      var seen = {};
      for (var i = 0; i < entries.length; i += 1) {
        var name = entries[i].channel;
        if (!seen.hasOwnProperty(name)) {
          seen[name] = true;
          flushLane(name);
        }
      }
    }

    function flushLane(name) {
      var lane = lanes[name] = lanes[name] || {timer: null, request: null, failures: 0, isSingle: false};
      var send = host.frames();
      if (lane.timer) { return; }
      if (send) {
        flushFrames(send, lane, outbox.list(name));
      } else if (!lane.request && host.canRequest()) {
        flushRequest(lane, outbox.list(name));
      }
    }

    return {
      flush: flush,

      /** Another wire: nothing that the last one took counts as sent. */
      reset: function () {
        var entries = outbox.list();
        waiting = {};
        for (var i = 0; i < entries.length; i += 1) { entries[i].isSent = false; }
        for (var name in lanes) {
          if (lanes.hasOwnProperty(name)) {
            env.clearTimeout(lanes[name].timer);
            lanes[name].timer = null;
          }
        }
        flush();
      },

      /** An `ack` or an `error` with a ref. */
      answer: function (event) {
        var entry = waiting[event.ref];
        if (!entry) { return; }
        delete waiting[event.ref];
        if (event.type === 'ack') {
          finish(entry, null, event);
        } else if (!anywire.isTransient(event.code)) {
          finish(entry, event);
        } else if (entry.ref === event.ref) { // else it was sent once more since
          entry.isSent = false;
          pause(lanes[entry.channel], event.code === 'after-refused' ? 0 : event.retry || REFUSED_MS);
        }
      },

      close: function () {
        env.clearTimeout(watch);
        for (var name in lanes) {
          if (lanes.hasOwnProperty(name)) {
            env.clearTimeout(lanes[name].timer);
            if (lanes[name].request) { lanes[name].request.abort(); }
          }
        }
        outbox.save();
      }
    };
  };
}(anywire));
