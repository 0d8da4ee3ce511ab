// The page's own life: hidden and seen, asleep and awake, offline and online, kept in the back-forward cache.
// Timers and sockets tell nothing of it, or much too late.
(function (anywire) {
  'use strict';

  var TICK_MS = 2000;
  var JUMP_MS = 6000; // more than a busy page is late
  var HIDDEN_JUMP_MS = 120000; // browsers run the timers of hidden pages once a minute

  /** hooks: wake(isStrong): strong where wires may have died unnoticed; hide(), show(). Returns how to stop it. */
  anywire.wake = function (env, hooks) {
    var tickedMs;
    var timer;
    var offs = [];

    function look(isStrong) {
      var lateMs = env.time() - tickedMs;
      tickedMs = env.time();
      if (lateMs > (env.isHidden() ? HIDDEN_JUMP_MS : JUMP_MS)) { hooks.wake(true); } else if (isStrong !== undefined) { hooks.wake(isStrong); }
    }

    function tick() {
      timer = env.setTimeout(tick, TICK_MS);
      look();
    }

    function on(name, fn) { offs.push(env.listen(name, fn)); }

    tick();
    on('online', function () { look(true); });
    on('resume', function () { look(true); }); // after the browser had frozen the page
    on('visibilitychange', function () { if (!env.isHidden()) { look(false); } });
    on('pagehide', hooks.hide); // open wires keep a page out of the back-forward cache
    on('pageshow', function (event) {
      tickedMs = env.time();
      if (event.persisted) { hooks.show(); }
    });
    return function () {
      env.clearTimeout(timer);
      anywire.each(offs, function (off) { off(); });
    };
  };
}(anywire));
