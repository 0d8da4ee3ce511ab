// Named listeners. What a listener throws is reported by the browser, never felt by the wire that brought the event.
(function (anywire) {
  'use strict';

  anywire.emitter = function (env) {
    var listeners = [];

    function call(fn, first, second) {
      try {
        fn(first, second);
      } catch (error) {
        env.setTimeout(function () { throw error; }, 0);
      }
    }

    return {
      call: call,
      on: function (name, fn) {
        var entry = {name: name, fn: fn};
        listeners = listeners.concat([entry]);
        return function () {
          listeners = anywire.without(listeners, entry);
        };
      },
      // A listener that is taken away by one before it is still called: the list is the one of the beginning.
      emit: function (name, value) {
        var now = listeners;
        for (var i = 0; i < now.length; i += 1) {
          if (now[i].name === name) { call(now[i].fn, value); }
        }
      }
    };
  };
}(anywire));
