// Long polling, RFC 6202: a request is held until there is something. Boxes cut what is silent too long, so the hold
// begins at one second, which also proves the wire, and grows; where it was cut once, it stays below.
(function (anywire) {
  'use strict';

  var FIRST_S = 1;
  var GROWTH = 5;
  var MARGIN = 0.7; // of the time at which it was cut

  anywire.wires['long-poll'] = {
    needs: 'XMLHttpRequest',
    proofMs: FIRST_S * 1000,
    open: function (env, server, listener) {
      var holdS = FIRST_S;
      var wasCut = false;

      return anywire.poll(env, server, listener, {
        endpoint: 'long-poll',
        waitS: function () { return holdS; },
        pauseMs: function () { return 0; },
        answered: function (heldMs) {
          if (wasCut) { server.holdS = holdS; } // all wires of this page stay below from now on
          wasCut = false;
          if (heldMs >= holdS * 900) { holdS = Math.min(holdS * GROWTH, server.holdS); }
        },
        // Cut after a while and answered again at once is a box; cut and then refused is a server that went away.
        retryMs: function (result, heldMs) {
          if (heldMs < FIRST_S * 1200 || holdS === FIRST_S || anywire.reasonOf(result).isAlive) { return undefined; }
          wasCut = true;
          holdS = Math.max(FIRST_S, Math.floor(heldMs / 1000 * MARGIN));
          listener.cut(heldMs);
          return 0;
        }
      });
    }
  };
}(anywire));
