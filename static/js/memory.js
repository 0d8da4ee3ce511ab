// What worked, per server and network, for a day: the next visit starts with it. A better transport that failed is
// tried again all the same (recheck.js), so a memory never holds a page on the slow one.
(function (anywire) {
  'use strict';

  var KEPT_MS = 86400000;

  anywire.memory = function (env, key) {
    var networks;

    function read() {
      try { networks = JSON.parse(env.local.getItem(key)) || {}; } catch (none) { networks = {}; }
      anywire.each(anywire.keys(networks), function (name) {
        if (!(env.time() - networks[name][1] < KEPT_MS)) { delete networks[name]; }
      });
    }

    return {
      /** The transport that worked in *network*, or in the last one where it isn't known yet. */
      recall: function (network) {
        read();
        return (networks[network || 'last'] || [''])[0];
      },
      keep: function (network, transport) {
        read();
        networks.last = networks[network || 'last'] = [transport, env.time()];
        try { env.local.setItem(key, JSON.stringify(networks)); } catch (noRoom) { /* the next visit learns it again */ }
      }
    };
  };
}(anywire));
