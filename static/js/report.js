// A client's account of how its negotiation went, once a page and network, and only where the network stood in a transport's
// way: a healthy one costs nothing, and ten thousand clients don't all report a restart.
(function (anywire) {
  'use strict';

  var SETTLED_MS = 12000; // by then all that began together has its last verdict

  function isFault(record) {
    return record.cutMs || /(blocked|swallowed|silent|buffered|behind|delayed|flapping|cut|refused|portal)$/.test(record.verdict);
  }

  /** Returns what is to be told of each attempt whenever it changes. */
  anywire.report = function (env, server, isOn, wire, network) {
    var told; // the network of the last report

    function send() {
      isOn = true;
      if (wire.state === 'closed' || !anywire.filter(wire.attempts, isFault).length) { return; }
      told = network();
      server.post('v1/report', JSON.stringify({transport: wire.transport, network: told, attempts: wire.attempts}),
        function (result) { if (!result.status) { told = 0; } });
    }

    return function (record) {
      if (!isOn || told === network() || !isFault(record)) { return; }
      isOn = false;
      env.setTimeout(send, SETTLED_MS);
    };
  };
}(anywire));
