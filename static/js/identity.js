// A visitor without identity gets one by the first answer. First contact is several requests side by side, so they carry
// the same random `anywire_boot`, and the server derives the same identity from it for all of them.
(function (anywire) {
  'use strict';

  anywire.boot = function (env) {
    if (env.getCookies().indexOf('anywire_boot=') < 0) {
      env.setCookie('anywire_boot=' + env.id() + ';max-age=60;path=/;samesite=lax' + (/^https/.test(env.origin) ? ';secure' : ''));
    }
  };
}(anywire));
