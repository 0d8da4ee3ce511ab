// The one global, `Anywire`. It is made last, when all parts are there.
(function (anywire, window) {
  'use strict';
  var env = window && anywire.env(window);
  var folder = env && anywire.scriptFolder(env);

  var aside = {}; // by base: the connection beside those of the page, for all bars and runs

  function shared(base) {
    base = typeof base === 'string' ? base : folder;
    aside[base] = aside[base] || anywire.client(env, base, {isAside: true});
    return aside[base];
  }

  if (!env) { return; } // a test that brings an env of its own
  window.Anywire = {
    /**
     * Connects to the server at *base*, by default where this script came from.
     * options: transports (names, in order of preference), remember (default true), token (a string, or a function that
     * calls back with one), report (default true: tell the server where a transport failed).
     */
    connect: function (base, options) {
      env.isConnected = true;
      return anywire.client(env, typeof base === 'string' ? base : folder, options || {});
    },
    /** As the wire's, over a connection of their own to the server at options.base. */
    run: function (task, body, options) { return shared(options && options.base).run(task, body, options); },
    /** Makes *element*, with data-anywire-job, a progress bar, where the browser doesn't tell of new ones. */
    progress: anywire.progress(env, shared)
  };
}(anywire, typeof window === 'undefined' ? null : window));
