// When to try again a transport that is better than the one in use, and when to leave one that opens and dies.
//
// A strike is a death within seconds of the hello while the server goes on living, which only the next hello, over
// whatever wire, can show: a restart or being offline is no strike. Strikes fade with a life of a minute.
(function (anywire) {
  'use strict';

  var SHORT_LIFE_MS = 10000;
  var LONG_LIFE_MS = 60000;
  var STRIKES = 3;
  var STRUCK_MS = 65000; // with the three tries before, at most four in any minute
  var FIRST_MS = 15000;
  var GROWTH = 4;
  var LONGEST_MS = 600000;

  anywire.recheck = function (env) {
    var byName = {}; // {dueMs, tries, strikes, out}
    var suspect = '';

    function of(name) {
      byName[name] = byName[name] || {dueMs: 0, tries: 0, strikes: 0, out: 0};
      return byName[name];
    }

    function jittered(ms) { return ms * (0.8 + 0.4 * env.random()); }

    return {
      /** *name* ended after a hello. */
      died: function (name, ageMs) {
        var entry = of(name);
        if (ageMs > LONG_LIFE_MS) { entry.strikes = entry.out = entry.tries = 0; }
        suspect = ageMs < SHORT_LIFE_MS ? name : '';
      },
      /** Some wire failed before its hello: perhaps it was the server that went. */
      failed: function () { suspect = ''; },
      /** Some wire said hello: the server lives. */
      hello: function () {
        var entry;
        if (!suspect) { return; }
        entry = of(suspect);
        suspect = '';
        entry.strikes += 1;
        if (entry.strikes >= STRIKES) {
          entry.strikes = 0;
          entry.dueMs = env.now() + jittered(STRUCK_MS * Math.pow(2, Math.min(entry.out, 3)));
          entry.out += 1;
        }
      },
      /** Whether another try with *name* would be one too many just now. */
      isStruck: function (name) {
        var entry = of(name);
        return entry.strikes + (suspect === name ? 1 : 0) >= STRIKES || (entry.out > 0 && entry.dueMs > env.now());
      },
      /** Milliseconds until *name*, better than the one in use, is to be tried again. */
      dueInMs: function (name) {
        var entry = of(name);
        if (!entry.dueMs) {
          entry.dueMs = env.now() + jittered(Math.min(LONGEST_MS, FIRST_MS * Math.pow(GROWTH, Math.min(entry.tries, 6))));
          entry.tries += 1;
        }
        return Math.max(0, entry.dueMs - env.now());
      },
      /** It is being tried; should it fail, the next time is later. */
      tried: function (name) { of(name).dueMs = 0; },
      /** Another network: what failed on the last one means nothing here. */
      forget: function () { byName = {}; }
    };
  };
}(anywire));
