// Long polling, RFC 6202: a request is held until there is something. Boxes cut what is silent too long, so the hold
// begins at one second, which also proves the wire, and grows; where it was cut once, it stays below.
(function (anywire) {
  'use strict';

  var FIRST_S = 1;
  var GROWTH = 5;
  var MARGIN = 0.7; // of the time at which it was cut

  function open(env, host, listener) {
    var tuning = host.tuning; // shared by the wires of this page, so that the next one knows it too
    var waitS = FIRST_S;
    var cutS = Infinity;

    return anywire.poll(env, host, listener, {
      path: 'v1/long-poll',
      waitS: function () { return waitS; },
      pauseMs: function () { return 0; },
      answered: function (heldMs) {
        if (cutS < Infinity) { tuning.holdS = Math.min(tuning.holdS, waitS); }
        cutS = Infinity;
        if (heldMs >= waitS * 900) { waitS = Math.min(waitS * GROWTH, tuning.holdS); }
      },
      // Cut after a while and answered again at once is a box; cut and then refused is a server that went away.
      retryMs: function (result, heldMs) {
        var wasHeld = heldMs > FIRST_S * 1200 && waitS > FIRST_S;
        if (!wasHeld || (result.status && anywire.reasonOf(result).isAlive)) { return undefined; }
        cutS = heldMs / 1000;
        waitS = Math.max(FIRST_S, Math.floor(cutS * MARGIN));
        listener.phase('cut');
        return 0;
      }
    });
  }

  anywire.wires = anywire.wires || {};
  anywire.wires['long-poll'] = {
    isSupported: function (env) { return !!env.XMLHttpRequest; },
    open: open,
    proofMs: FIRST_S * 1000
  };
}(anywire));
