// Server-sent events by the browser's own EventSource (WHATWG HTML, section 9.2). It is closed at its first error and
// opened again by the negotiator at our own positions: engines differ in whether, when and how often they do it.
(function (anywire) {
  'use strict';

  anywire.wires.sse = {
    needs: 'EventSource',
    open: function (env, server, listener) {
      var source;
      var attached;
      var isFresh; // nothing has come since it was opened

      function close() {
        if (source) {
          source.onopen = source.onmessage = source.onerror = null;
          source.close();
        }
      }

      function start() {
        var channels = server.channels();
        var query = server.query([['ids', '0']], channels);
        close();
        isFresh = true;
        attached = anywire.namesOf(channels);
        if (server.isLong(query)) { // an EventSource can't POST
          env.soon(function () { listener.ended({why: 'too-long'}); });
          return;
        }
        source = new env.EventSource(server.root + 'v1/sse?' + query, {withCredentials: server.isForeign});
        source.onopen = function () { listener.phase('open'); };
        source.onerror = function () { listener.ended({why: 'blocked', isHidden: true}); };
        source.onmessage = function (message) {
          isFresh = false;
          listener.text(message.data);
        };
      }

      start();
      return {
        isStream: true,
        close: close,
        sync: function () { if (anywire.namesOf(server.channels()) !== attached) { start(); } },
        rewind: function () { if (!isFresh) { start(); } }
      };
    }
  };
}(anywire));
