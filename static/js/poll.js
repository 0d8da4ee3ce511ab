// What the two polling wires share: ask what came after the positions, hand it on, ask again. Each request names the
// positions of that moment, so there is nothing to rewind, and an answer that gets lost is simply asked for again.
(function (anywire) {
  'use strict';

  var IDLE_MS = 100; // an answer that brought nothing new although it was not empty must not make a busy loop; but it
                     // does so, too, where another wire was quicker, and that one may die at any moment
  var PATIENCE_MS = 5000; // for the answer, beyond the time that it is held

  /**
   * style: {endpoint, isProvenAtOnce, waitS() to be held, pauseMs(answer) before the next request,
   * answered(heldMs), retryMs(result, heldMs) → undefined where the wire is dead}.
   */
  anywire.poll = function (env, server, listener, style) {
    var request;
    var timer;
    var hasAnswered = false;
    var askedMs;
    var attached;

    function stop() {
      env.clearTimeout(timer);
      timer = null;
      if (request) { request.abort(); }
      request = null;
    }

    function ask() {
      var waitS = hasAnswered ? style.waitS() : 0;
      stop();
      attached = anywire.namesOf(server.channels());
      askedMs = env.now();
      request = server.poll('v1/' + style.endpoint, [['hello', hasAnswered ? 0 : 1], ['wait', waitS]],
        waitS * 1000 + Math.max(PATIENCE_MS, 2 * server.quietMs()), answered);
    }

    function later(ms) {
      if (ms) { timer = env.setTimeout(ask, ms); } else { ask(); }
    }

    function answered(result) {
      var heldMs = env.now() - askedMs;
      var retryMs;
      var reason;
      request = null;
      if (result.status === 200 && result.body && result.body.events) {
        take(result.body, heldMs);
        return;
      }
      retryMs = hasAnswered ? style.retryMs(result, heldMs) : undefined;
      if (retryMs !== undefined) {
        hasAnswered = false; // so hello comes again: it says whether this is still the same network
        later(retryMs);
        return;
      }
      reason = anywire.reasonOf(result);
      if (hasAnswered && reason.isNetwork) {
        reason.why = 'cut';
        listener.cut(heldMs);
      }
      listener.ended(reason);
    }

    function take(answer, heldMs) {
      var isProof = hasAnswered || style.isProvenAtOnce;
      var hasNews = !hasAnswered || !answer.events.length;
      hasAnswered = true;
      style.answered(heldMs);
      listener.heard();
      anywire.each(answer.events, function (event) { hasNews = listener.event(event) || hasNews; });
      if (isProof) { listener.proven(); }
      // A handler may have subscribed to something, and so asked already, or ended it all.
      if (listener.isLive() && !request && !timer) { later(hasNews ? style.pauseMs(answer) : IDLE_MS); }
    }

    timer = env.setTimeout(ask, 0);
    return {
      close: stop,
      sync: function () { if (anywire.namesOf(server.channels()) !== attached) { ask(); } },
      rewind: function () {},
      nudge: ask
    };
  };
}(anywire));
