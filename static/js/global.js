// The one global, `Anywire`. It is made last, when all parts are there.
(function (anywire, window) {
  'use strict';
  var env;

  if (!window || !window.document) { return; }
  env = anywire.env(window);
  anywire.folder = anywire.scriptFolder(env);
  window.Anywire = {
    /**
     * Connects to the server at *base*, by default where this script came from.
     * options: transports (names, in order of preference), remember (default true), token (a string, or a function that
     * calls back with one), report (default true: tell the server where a transport failed).
     */
    connect: function (base, options) {
      if (base && typeof base === 'object') {
        options = base;
        base = undefined;
      }
      return anywire.client(env, base, options || {});
    }
  };
}(anywire, typeof window === 'undefined' ? null : window));
