// Named timers: setting one again replaces it, so that no two of a name ever run.
(function (anywire) {
  'use strict';

  anywire.timers = function (env) {
    var timers = {};

    function disarm(name) {
      env.clearTimeout(timers[name]);
      delete timers[name];
    }

    return {
      arm: function (name, fn, ms) {
        disarm(name);
        timers[name] = env.setTimeout(function () {
          delete timers[name];
          fn();
        }, ms);
      },
      disarm: disarm,
      isArmed: function (name) { return timers.hasOwnProperty(name); },
      clear: function () { anywire.each(anywire.keys(timers), disarm); }
    };
  };
}(anywire));
