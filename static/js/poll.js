// What the two polling wires share: ask what came after the positions, hand it on, ask again. Each request names the
// positions of that moment, so there is nothing to rewind, and an answer that gets lost is simply asked for again.
(function (anywire) {
  'use strict';

  var IDLE_MS = 1000; // an answer that brought nothing new although it was not empty must not make a busy loop

  /**
   * style: {path, isProvenAtOnce, waitS(), pauseMs(answer), answered(heldMs), retryMs(result, heldMs) → undefined: it is dead}.
   */
  anywire.poll = function (env, host, listener, style) {
    var request = null;
    var timer = null;
    var isOver = false;
    var hasAnswered = false;
    var askedMs = 0;
    var attached = '';

    function stop() {
      env.clearTimeout(timer);
      timer = null;
      if (request) { request.abort(); }
      request = null;
    }

    function close() {
      isOver = true;
      stop();
    }

    function ask() {
      var waitS = hasAnswered ? style.waitS() : undefined;
      stop();
      attached = anywire.namesOf(host.channels());
      askedMs = env.now();
      request = host.poll(style.path, [['hello', hasAnswered ? undefined : '1'], ['wait', waitS]],
        (waitS || 0) * 1000 + host.patienceMs(), answered);
    }

    function later(ms) {
      if (ms > 0) { timer = env.setTimeout(ask, ms); } else { ask(); }
    }

    function answered(result) {
      var events = result.status === 200 && result.body && result.body.events;
      request = null;
      if (events) { take(events, result.body); } else { fail(result); }
    }

    function fail(result) {
      var retryMs = hasAnswered ? style.retryMs(result, env.now() - askedMs) : undefined;
      var reason = anywire.reasonOf(result);
      if (retryMs !== undefined) {
        later(retryMs);
        return;
      }
      if (hasAnswered && reason.isNetwork) { reason.why = 'cut'; }
      close();
      listener.ended(reason);
    }

    function take(events, answer) {
      var hasNews = !events.length;
      var isFirst = !hasAnswered;
      hasAnswered = true;
      style.answered(env.now() - askedMs);
      listener.heard();
      for (var i = 0; i < events.length && !isOver; i += 1) {
        hasNews = listener.event(events[i]) || hasNews;
      }
      if (isOver) { return; }
      if (!isFirst || style.isProvenAtOnce) { listener.proven(); }
      // A handler may have subscribed to something: then the next request is under way already.
      if (!isOver && !request && !timer) { later(hasNews || isFirst ? style.pauseMs(answer) : IDLE_MS); }
    }

    env.soon(function () { if (!isOver) { ask(); } });
    return {
      isStream: false,
      close: close,
      sync: function () { if (anywire.namesOf(host.channels()) !== attached) { ask(); } },
      nudge: ask,
      rewind: function () {}
    };
  };
}(anywire));
