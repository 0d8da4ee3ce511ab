// What worked, per server and network, for a day: the next visit starts with it. A better transport that failed is
// tried again all the same (recheck.js), so a memory never holds a page on the slow one.
(function (anywire) {
  'use strict';

  var KEPT_MS = 86400000;
  var NETWORKS = 8; // home, work, a train or two

  anywire.memory = function (env, key, isOn) {
    var store = isOn ? env.local : null;

    function read() {
      var all;
      try { all = JSON.parse(store.getItem(key)); } catch (none) { /* nothing kept, or not by us */ }
      return all && all.networks && all.networks.length ? all : {networks: []};
    }

    return {
      /** {transport, rttMs} of *network*, or of the last one where it isn't known yet; {} if there is nothing. */
      recall: function (network) {
        var networks = store ? read().networks : [];
        for (var i = 0; i < networks.length; i += 1) {
          if ((!network || networks[i].network === network) && env.time() - networks[i].time < KEPT_MS) { return networks[i]; }
        }
        return {};
      },
      keep: function (network, transport, rttMs) {
        var networks = [{network: network || '', transport: transport, rttMs: Math.round(rttMs), time: env.time()}];
        var old;
        if (!store) { return; }
        old = read().networks;
        for (var i = 0; i < old.length && networks.length < NETWORKS; i += 1) {
          if (old[i].network !== networks[0].network) { networks.push(old[i]); }
        }
        try { store.setItem(key, JSON.stringify({networks: networks})); } catch (noRoom) { /* the next visit learns it again */ }
      }
    };
  };
}(anywire));
