// When to try again a transport that is better than the one in use, and when to leave one that opens and dies.
//
// A strike is a death within seconds of the hello while the server goes on living, which only the next hello, over
// whatever wire, can show: a restart or being offline is no strike. Strikes fade with a life of a minute.
(function (anywire) {
  'use strict';
  var power = Math.pow; // by its own name the minifier would make an operator of ES2016 of it

  var PATIENCE_MS = 1000; // where the server asks for patience and names no time
  var SHORT_LIFE_MS = 10000;
  var LONG_LIFE_MS = 60000;
  var STRIKES = 3;
  var STRUCK_MS = 65000; // with the three tries before, at most four in the first minute
  var FIRST_MS = 15000;
  var GROWTH = 4;
  var LONGEST_MS = 600000;

  anywire.recheck = function (env) {
    var networks = {}; // what is known in each but the first: a pool of addresses must not make us forget all the time
    var byName = {}; // here: {dueMs, tries, strikes, outs}
    var newMs = 0; // since when we are here, unless it is where we began
    var suspect = '';
    var patientMs = -1; // until then the server wants nothing more to be started

    function of(name) {
      byName[name] = byName[name] || {dueMs: newMs, tries: 0, strikes: 0, outs: 0};
      return byName[name];
    }

    function dueIn(entry, ms) { entry.dueMs = env.now() + Math.min(LONGEST_MS, ms) * (0.8 + 0.4 * env.random()); }

    // Whether another try with *name* would be one too many just now, or it has so many strikes.
    function isStruck(name, strikes) {
      var entry = of(name);
      return entry.strikes + (suspect === name ? 1 : 0) >= (strikes || STRIKES) || (entry.outs > 0 && entry.dueMs > env.now());
    }

    return {
      /** For as long as *reason* says where the server lives and wants no other wire to be tried. */
      heed: function (reason) {
        if (reason.isAlive) { patientMs = env.now() + (reason.retryMs || PATIENCE_MS * (0.5 + env.random())); }
      },
      /** How much longer; below 0 no longer. */
      patienceMs: function () { return patientMs - env.now(); },
      isStruck: isStruck,
      /** In which order to try *names* where all are open to choice: *first*, then as they are, the struck ones last. */
      order: function (names, first) {
        names = anywire.without(names, first);
        return (first ? [first] : []).concat(anywire.filter(names, function (name) { return !isStruck(name); }), anywire.filter(names, isStruck));
      },
      /** *name* ended after a hello. */
      died: function (name, ageMs) {
        if (ageMs > LONG_LIFE_MS) { delete byName[name]; }
        suspect = ageMs < SHORT_LIFE_MS ? name : '';
      },
      /** Some wire failed before its hello: perhaps it was the server that went. */
      failed: function () { suspect = ''; },
      /** Some wire said hello: the server lives. */
      hello: function () {
        var entry = suspect && of(suspect);
        suspect = '';
        if (!entry) { return; }
        entry.strikes += 1;
        if (entry.strikes >= STRIKES) {
          entry.strikes = 0;
          entry.outs += 1;
          dueIn(entry, STRUCK_MS * power(2, entry.outs - 1));
        }
      },
      /** Which of *names*, better than the one in use, is to be tried again, and in how long: fn(name, ms), if there are any. */
      soonest: function (names, fn) {
        var found = '';
        anywire.each(names, function (name) {
          var entry = of(name);
          if (!entry.dueMs) {
            dueIn(entry, FIRST_MS * power(GROWTH, entry.tries));
            entry.tries += 1;
          }
          if (!found || entry.dueMs < of(found).dueMs) { found = name; }
        });
        if (found) { fn(found, of(found).dueMs - env.now()); }
      },
      /** It was let go for a better one and hasn't failed: due at once where a worse one stands in for that. */
      spared: function (name) { if (!isStruck(name)) { of(name).dueMs = env.now(); } },
      /** It is being tried; should it fail, the next time is later. */
      tried: function (name) { if (of(name).dueMs <= env.now()) { of(name).dueMs = 0; } },
      /** In another *network*, or perhaps in one: what failed before means nothing here, and is due at once. */
      forget: function (network) {
        if (!network) { networks = {}; }
        newMs = env.now();
        byName = networks[network] = networks[network] || {};
      }
    };
  };
}(anywire));
