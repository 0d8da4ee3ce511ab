// A client's account of how its negotiation went, once a page and only where something failed: on a healthy network it
// costs nothing.
(function (anywire) {
  'use strict';

  var FINE = /^$|ok$|usable$|\.(slower|superseded|closed|unsupported)$/;

  anywire.report = function (server, isOn) {
    return function (transport, network, attempts) {
      var isFine = true;
      for (var i = 0; i < attempts.length; i += 1) { isFine = isFine && FINE.test(attempts[i].verdict); }
      if (!isOn || isFine) { return; }
      isOn = false;
      server.post('v1/report', JSON.stringify({transport: transport, network: network, attempts: attempts}), 10000, function () {});
    };
  };
}(anywire));
