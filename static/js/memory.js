// What worked, per server and network, for a day: the next visit starts with it. A better transport that failed is
// tried again all the same (recheck.js), so a memory never holds a page on the slow one.
(function (anywire) {
  'use strict';

  var KEPT_MS = 86400000;

  anywire.memory = function (env, key) {
    var networks;

    function read() {
      try {
        networks = JSON.parse(env.local.getItem(key)) || {};
        anywire.each(anywire.keys(networks), function (name) {
          if (!(env.time() - networks[name][1] < KEPT_MS)) { delete networks[name]; }
        });
      } catch (none) { networks = {}; }
    }

    return {
      /** The transport that worked in *network*, or '': of 'last' the network that one worked in last. */
      recall: function (network) {
        read();
        return (networks[network] || [''])[0];
      },
      /** Its day begins when it is learned: were it renewed by each visit, short ones would stay on the slow one for ever. */
      keep: function (network, transport) {
        read();
        if ((networks[network] || [])[0] !== transport) { networks[network] = [transport, env.time()]; }
        networks.last = [network, env.time()];
        try { env.local.setItem(key, JSON.stringify(networks)); } catch (noRoom) { /* the next visit learns it again */ }
      }
    };
  };
}(anywire));
