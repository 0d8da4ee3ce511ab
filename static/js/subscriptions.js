// The channels that the page follows, each with its position, and who in the page listens to it.
// One subscription a channel, however many listen; it ends with the last of them.
(function (anywire) {
  'use strict';

  function startOf(options) {
    if (options.after !== undefined && options.after !== null) { return String(options.after); }
    return options.history > 0 ? '-' + Math.floor(options.history) : '';
  }

  anywire.subscriptions = function (env, call) {
    var channels = {};

    function add(name, options, fn) {
      var channel = channels[name];
      var entry = {fn: fn};
      var start = startOf(options || {});
      if (!channel || channel.isRefused) {
        channel = {
          listeners: channel ? channel.listeners : [],
          at: anywire.parsePosition(start),
          position: start,
          hasState: true,
          isRefused: false
        };
        channel.hasState = !!channel.at;
        channels[name] = channel;
      } else if (channel.at) {
        env.soon(function () {
          if (anywire.indexOf(channel.listeners, entry) >= 0) {
            call(fn, {type: 'subscribed', channel: name, position: channel.position, recovered: true});
          }
        });
      }
      channel.listeners = channel.listeners.concat([entry]);
      return function () {
        channel.listeners = anywire.without(channel.listeners, entry);
        if (!channel.listeners.length && channels[name] === channel) { delete channels[name]; }
      };
    }

    /** What to ask a wire for: [{name, start}]; start is the position once there is one. */
    function list() {
      var found = [];
      for (var name in channels) {
        if (channels.hasOwnProperty(name) && !channels[name].isRefused) {
          found.push({name: name, start: channels[name].position});
        }
      }
      return found;
    }

    /** Delivers *event* if it is its turn; answers with the word of positions.js. */
    function receive(event, isInUse) {
      var channel = channels.hasOwnProperty(event.channel) ? channels[event.channel] : null;
      var word;
      if (!channel || (event.type === 'error' && channel.isRefused)) { return 'drop'; }
      word = anywire.judge(channel, event, isInUse);
      if (event.type === 'error') { channel.isRefused = !anywire.isTransient(event.code); }
      if (word === 'deliver' || word === 'gap') {
        for (var i = 0, now = channel.listeners; i < now.length; i += 1) { call(now[i].fn, event); }
      }
      return word;
    }

    function allowAgain() {
      for (var name in channels) {
        if (channels.hasOwnProperty(name)) { channels[name].isRefused = false; }
      }
    }

    return {add: add, list: list, receive: receive, allowAgain: allowAgain};
  };
}(anywire));
