// A WebSocket, RFC 6455. Channels that its URL didn't name, or that went on meanwhile, follow as `subscribe` frames.
//
// All wires have this shape: open(env, server, listener) → {isStream, close, sync, rewind, …}. They tell the listener
// phase(name), text(json) or event(event), heard(), proven() and ended(reason); what they tell after their end or
// close() isn't heard, and an exception at the start counts as an end.
(function (anywire) {
  'use strict';

  function open(env, server, listener) {
    var channels = server.channels();
    var query = server.query([], channels);
    var attached = {}; // what this wire was asked for: name → serial of the subscription
    var rewinding = {}; // asked again and not yet answered: what comes before the answer is still further on
    var socket;

    function send(text) {
      try { socket.send(text); } catch (closing) { /* its close event is on the way */ }
    }

    function subscribe(channel) {
      attached[channel.name] = channel.serial;
      send(JSON.stringify({type: 'subscribe', channel: channel.name, after: channel.start}));
    }

    if (server.isLong(query)) {
      query = server.query([], []);
    } else {
      anywire.each(channels, function (channel) { attached[channel.name] = channel.serial; });
    }
    socket = new env.WebSocket(server.root.replace(/^http/, 'ws') + 'v1/websocket?' + query, 'anywire.v1');
    socket.onopen = function () { listener.phase('open'); };
    socket.onclose = function (event) { // its code: 1012 restarting, 1013 overloaded
      var isAlive = event.code === 1012 || event.code === 1013;
      listener.ended({why: isAlive ? 'draining' : 'blocked', isAlive: isAlive, isHidden: true});
    };
    socket.onmessage = function (message) {
      var event = listener.text(message.data);
      if (event && event.type === 'subscribed') { delete rewinding[event.channel]; }
    };

    return {
      isStream: true,
      close: function () { socket.close(); },
      send: send,
      ping: function () { send('{"type":"ping"}'); },
      sync: function () {
        var gone = anywire.keys(attached);
        anywire.each(server.channels(), function (channel) {
          gone = anywire.without(gone, channel.name);
          if (attached[channel.name] !== channel.serial) { subscribe(channel); }
        });
        anywire.each(gone, function (name) {
          delete attached[name];
          send(JSON.stringify({type: 'unsubscribe', channel: name}));
        });
      },
      rewind: function (name) {
        anywire.each(server.channels(), function (channel) {
          if (channel.name === name && !rewinding[name]) {
            rewinding[name] = true;
            subscribe(channel);
          }
        });
      }
    };
  }

  anywire.wires = {websocket: {needs: 'WebSocket', open: open}};
}(anywire));
