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
        listeners = listeners.concat(entry);
        return function () { listeners = anywire.without(listeners, entry); };
      },
      emit: function (name, value) {
        anywire.each(listeners, function (entry) { if (entry.name === name) { call(entry.fn, value); } });
      }
    };
  };
}(anywire));
