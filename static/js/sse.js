// Server-sent events by the browser's own EventSource (WHATWG HTML, section 9.2). It is closed at its first error and
// opened again by the negotiator at our own positions: engines differ in whether, when and how often they do it.
(function (anywire) {
  'use strict';

  function open(env, host, listener) {
    var source = null;
    var attached = '';
    var isOver = false;
    var isStarting = false;

    function end(reason) {
      if (isOver) { return; }
      close();
      listener.ended(reason);
    }

    function close() {
      isOver = true;
      stop();
    }

    function stop() {
      if (source) {
        source.onopen = source.onmessage = source.onerror = null;
        source.close();
        source = null;
      }
    }

    function start() {
      var query = host.query([['ids', '0'], ['heartbeat', host.heartbeatMs()]], true);
      var url = host.url('v1/sse') + '?' + query;
      stop();
      isStarting = true;
      attached = anywire.namesOf(host.channels());
      if (query.length > anywire.MAX_QUERY) { // an EventSource can't POST
        env.setTimeout(function () { end({why: 'too-long'}); }, 0);
        return;
      }
      try {
        source = host.isForeign() ? new env.EventSource(url, {withCredentials: true}) : new env.EventSource(url);
      } catch (forbidden) {
        env.setTimeout(function () { end({why: 'blocked', isHidden: true}); }, 0);
        return;
      }
      source.onopen = function () { listener.phase('open'); };
      source.onmessage = function (message) {
        var event;
        isStarting = false;
        try { event = JSON.parse(message.data); } catch (notOurs) { end({why: 'captive-portal'}); return; }
        listener.event(event);
      };
      source.onerror = function () { end({why: 'blocked', isHidden: true}); };
    }

    start();
    return {
      isStream: true,
      close: close,
      sync: function () { if (anywire.namesOf(host.channels()) !== attached) { start(); } },
      rewind: function () { if (!isStarting) { start(); } }
    };
  }

  anywire.wires = anywire.wires || {};
  anywire.wires.sse = {
    isSupported: function (env) { return !!env.EventSource; },
    open: open
  };
}(anywire));
