// The page's own life: hidden and seen, asleep and awake, offline and online, kept in the back-forward cache.
// Timers and sockets tell nothing of it, or much too late.
(function (anywire) {
  'use strict';

  var TICK_MS = 800; // a machine that wakes up says so by nothing else
  var JUMP_MS = 6000; // more than a busy page is late
  var HIDDEN_JUMP_MS = 120000; // browsers run the timers of hidden pages once a minute

  /** hooks: wake(isStrong): strong where wires may have died unnoticed; hide(), show(). Returns how to end it. */
  anywire.wake = function (env, hooks) {
    var tickedMs = env.time();
    var isOver = false;
    var isDue = false; // something happened that asks for a strong wake, perhaps while nobody looked
    var seen; // an event that bubbles is heard twice

    function hasJumped() {
      var lateMs = env.time() - tickedMs;
      tickedMs += lateMs;
      return lateMs > (env.isHidden() ? HIDDEN_JUMP_MS : JUMP_MS);
    }

    function tick() {
      if (isOver) { return; }
      env.setTimeout(tick, TICK_MS);
      if (hasJumped()) { hooks.wake(true); }
    }

    tick();
    env.listen(['online', 'resume', 'visibilitychange', 'pagehide', 'pageshow'], function (name, event) {
      if (isOver || event === seen) { return; }
      seen = event;
      if (name === 'pagehide') {
        hooks.hide(); // open wires keep a page out of the back-forward cache
      } else if (name === 'pageshow') {
        tickedMs = env.time();
        if (event.persisted) { hooks.show(); }
      } else {
        isDue = isDue || name !== 'visibilitychange'; // resume: the browser had frozen the page
        if (!env.isHidden()) {
          hooks.wake(hasJumped() || isDue);
          isDue = false;
        }
      }
    });
    return function () { isOver = true; };
  };
}(anywire));
