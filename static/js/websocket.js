// A WebSocket, RFC 6455. Channels that its URL didn't name, or that went on meanwhile, follow as `subscribe` frames.
//
// All wires have this shape: open(env, host, listener) → {close, sync, rewind, …}. They tell the listener
// phase(name), event(event), heard(), proven(), ended(reason), and nothing any more after close().
(function (anywire) {
  'use strict';

  function open(env, host, listener) {
    var attached = {}; // what this wire was asked for: name → true
    var rewinding = {}; // asked again and not yet answered: what comes before the answer is still further on
    var socket;
    var isOver = false;

    function isShort(query) { return query.length <= anywire.MAX_QUERY; }

    function send(text) {
      try { socket.send(text); } catch (closing) { /* its close event is on the way */ }
    }

    function subscribe(channel) {
      attached[channel.name] = true;
      send(JSON.stringify({type: 'subscribe', channel: channel.name, after: channel.start}));
    }

    function sync() {
      var channels = host.channels();
      var wanted = {};
      for (var i = 0; i < channels.length; i += 1) {
        wanted[channels[i].name] = true;
        if (!attached[channels[i].name]) { subscribe(channels[i]); }
      }
      for (var name in attached) {
        if (attached.hasOwnProperty(name) && !wanted[name]) {
          delete attached[name];
          send(JSON.stringify({type: 'unsubscribe', channel: name}));
        }
      }
    }

    function rewind(name) {
      var channels = host.channels();
      if (rewinding[name]) { return; }
      rewinding[name] = true;
      for (var i = 0; i < channels.length; i += 1) {
        if (channels[i].name === name) { subscribe(channels[i]); }
      }
    }

    function over(reason) {
      if (isOver) { return; }
      close();
      listener.ended(reason);
    }

    function close() {
      isOver = true;
      try { socket.close(); } catch (never) { /* the constructor threw */ }
    }

    function start() {
      var query = host.query([['heartbeat', host.heartbeatMs()]], true);
      var channels = host.channels();
      if (isShort(query)) {
        for (var i = 0; i < channels.length; i += 1) { attached[channels[i].name] = true; }
      } else {
        query = host.query([['heartbeat', host.heartbeatMs()]], false);
      }
      socket = new env.WebSocket(host.url('v1/websocket').replace(/^http/, 'ws') + '?' + query, 'anywire.v1');
      socket.onopen = function () { if (!isOver) { listener.phase('open'); } };
      socket.onmessage = function (message) {
        var event;
        if (isOver) { return; }
        try { event = JSON.parse(message.data); } catch (notOurs) { over({why: 'captive-portal'}); return; }
        if (event.type === 'subscribed') { delete rewinding[event.channel]; }
        listener.event(event);
      };
      socket.onclose = function (event) {
        var code = event && event.code;
        over(code === 1012 || code === 1013 ?
          {why: code === 1012 ? 'draining' : 'overloaded', isAlive: true, closeCode: code} :
          {why: 'blocked', isHidden: true, closeCode: code});
      };
      // Some engines close without an error, some have been seen to fail without a close.
      socket.onerror = function () {
        env.setTimeout(function () { over({why: 'blocked', isHidden: true}); }, 100);
      };
    }

    try {
      start();
    } catch (forbidden) {
      env.setTimeout(function () { over({why: 'blocked', isHidden: true}); }, 0);
    }
    return {
      isStream: true,
      close: close,
      sync: sync,
      rewind: rewind,
      send: send,
      ping: function () { send('{"type":"ping"}'); },
      queuedBytes: function () { return socket.bufferedAmount || 0; }
    };
  }

  anywire.wires = anywire.wires || {};
  anywire.wires.websocket = {
    isSupported: function (env) { return !!env.WebSocket; },
    open: open
  };
}(anywire));
