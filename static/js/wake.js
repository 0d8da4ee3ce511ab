// The page's own life: hidden and seen, asleep and awake, offline and online, kept in the back-forward cache.
// Timers and sockets tell nothing of it, or much too late.
(function (anywire) {
  'use strict';

  var TICK_MS = 2000;
  var JUMP_MS = 4000; // beyond what a busy page is late
  var HIDDEN_JUMP_MS = 120000; // browsers run the timers of hidden pages once a minute

  /** hooks: wake(isStrong): strong where wires may have died unnoticed; hide(), show(). Answers with an end(). */
  anywire.wake = function (env, hooks) {
    var tickedMs = env.time();
    var timer = null;
    var offs = [];

    function hasJumped() {
      var late = env.time() - tickedMs - TICK_MS;
      tickedMs = env.time();
      return late > (env.isHidden() ? HIDDEN_JUMP_MS : JUMP_MS);
    }

    function tick() {
      timer = env.setTimeout(tick, TICK_MS);
      if (hasJumped()) { hooks.wake(true); }
    }

    function strong() {
      tickedMs = env.time();
      hooks.wake(true);
    }

    function seen() {
      if (!env.isHidden()) { hooks.wake(hasJumped()); }
    }

    tick();
    offs = [
      env.onWindow('online', strong),
      env.onDocument('resume', strong), // after the browser had frozen the page
      env.onDocument('visibilitychange', seen),
      // Open wires keep a page out of the back-forward cache.
      env.onWindow('pagehide', hooks.hide),
      env.onWindow('pageshow', function (event) {
        tickedMs = env.time();
        if (event && event.persisted) { hooks.show(); }
      })
    ];
    return function () {
      env.clearTimeout(timer);
      for (var i = 0; i < offs.length; i += 1) { offs[i](); }
    };
  };
}(anywire));
