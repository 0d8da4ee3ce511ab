// The one global, `Anywire`. It is made last, when all parts are there.
(function (anywire, window) {
  'use strict';
  var env = window && anywire.env(window);
  var folder = env && anywire.scriptFolder(env);

  if (!env) { return; } // a test that brings an env of its own
  window.Anywire = {
    /**
     * Connects to the server at *base*, by default where this script came from.
     * options: transports (names, in order of preference), remember (default true), token (a string, or a function that
     * calls back with one), report (default true: tell the server where a transport failed).
     */
    connect: function (base, options) {
      return anywire.client(env, typeof base === 'string' ? base : folder, options || {});
    }
  };
}(anywire, typeof window === 'undefined' ? null : window));
