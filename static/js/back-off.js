// How long to wait after a failure: a ceiling that doubles, then full jitter below it. The jitter comes after the cap,
// else ten thousand clients of one restart would all come back at the cap's beat.
(function (anywire) {
  'use strict';

  var FIRST_MS = 250;
  var CAP_MS = 10000; // an outage of an hour is noticed to be over within so long

  anywire.backOffMs = function (env, failures) {
    return Math.round(env.random() * Math.min(CAP_MS, FIRST_MS * (1 << Math.min(failures, 10))));
  };
}(anywire));
