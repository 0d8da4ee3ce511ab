// A visitor without identity gets one by the first answer. First contact is several requests side by side, so they carry
// the same random `anywire_boot`, and the server derives the same identity from it for all of them.
(function (anywire) {
  'use strict';

  anywire.boot = function (env, isKnown) {
    if (isKnown || /(^|;\s*)anywire_boot=/.test(env.getCookies())) { return; }
    env.setCookie('anywire_boot=' + env.id() + '; Max-Age=60; Path=/; SameSite=Lax' +
      (/^https:/.test(env.origin) ? '; Secure' : ''));
  };
}(anywire));
