// A client's account of how its negotiation went, once a page and only where something failed: on a healthy network it
// costs nothing.
(function (anywire) {
  'use strict';

  anywire.report = function (server, isOn) {
    return function (transport, network, attempts) {
      var failed = anywire.filter(attempts, function (record) {
        return !/^$|ok$|usable$|\.(slower|superseded|closed|unsupported)$/.test(record.verdict);
      });
      if (!isOn || !failed.length) { return; }
      isOn = false;
      server.post('v1/report', JSON.stringify({transport: transport, network: network, attempts: attempts}), function () {});
    };
  };
}(anywire));
