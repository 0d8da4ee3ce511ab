// A client's account of how its negotiation went, once a page and only where the network stood in a transport's way:
// a healthy one costs nothing, and ten thousand clients don't all report a restart.
(function (anywire) {
  'use strict';

  var SETTLED_MS = 12000; // by then all that began together has its last verdict

  function isFault(record) {
    return /(blocked|swallowed|silent|buffered|behind|delayed|flapping|cut|refused|portal)$/.test(record.verdict);
  }

  /** Returns what is to be told of each attempt whenever it changes. */
  anywire.report = function (env, server, isOn, wire, network) {
    function send() {
      isOn = true;
      if (!anywire.filter(wire.attempts, isFault).length) { return; }
      isOn = false;
      server.post('v1/report', JSON.stringify({transport: wire.transport, network: network(), attempts: wire.attempts}),
        function (result) { isOn = !result.status; });
    }

    return function (record) {
      if (!isOn || !isFault(record)) { return; }
      isOn = false;
      env.setTimeout(send, SETTLED_MS);
    };
  };
}(anywire));
