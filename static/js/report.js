// A client's account of how its negotiation went, once a page and only where the network stood in a transport's way:
// a healthy one costs nothing, and ten thousand clients don't all report a restart.
(function (anywire) {
  'use strict';

  anywire.report = function (server, isOn) {
    return function (transport, network, attempts) {
      var failed = anywire.filter(attempts, function (record) {
        return /(blocked|swallowed|silent|buffered|flapping|cut|refused|portal)$/.test(record.verdict);
      });
      if (!isOn || !failed.length) { return; }
      isOn = false;
      server.post('v1/report', JSON.stringify({transport: transport, network: network, attempts: attempts}), function () {});
    };
  };
}(anywire));
