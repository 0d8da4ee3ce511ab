// The channels that the page follows, each with its position, and who in the page listens to it.
// One subscription a channel, however many listen; it ends with the last of them.
(function (anywire) {
  'use strict';

  anywire.subscriptions = function (env, call) {
    var channels = {};
    var serial = 0; // tells one subscription to a channel from the next

    function add(name, options, fn) {
      var channel = channels[name];
      var entry = {fn: fn};
      var start = options.after || (options.history > 0 ? '-' + options.history : '');
      if (!channel || channel.isRefused) {
        serial += 1;
        channel = {listeners: channel ? channel.listeners : [], at: anywire.parsePosition(start), position: start, serial: serial};
        channel.hasState = !!channel.at;
        channels[name] = channel;
      } else if (channel.at) {
        env.soon(function () {
          if (anywire.has(channel.listeners, entry)) {
            call(fn, {type: 'subscribed', channel: name, position: channel.position, recovered: true});
            if (channel.state) { call(fn, channel.state); }
          }
        });
      }
      channel.listeners = channel.listeners.concat(entry);
      return function () {
        channel.listeners = anywire.without(channel.listeners, entry);
        if (!channel.listeners.length && channels[name] === channel) { delete channels[name]; }
      };
    }

    return {
      add: add,

      /** What to ask a wire for: [{name, start, serial}]; start is the position once there is one. */
      list: function () {
        var found = [];
        anywire.each(anywire.keys(channels), function (name) {
          if (!channels[name].isRefused) { found.push({name: name, start: channels[name].position, serial: channels[name].serial}); }
        });
        return found;
      },

      /** Delivers *event* if it is its turn; answers with the word of positions.js. */
      receive: function (event, isInUse) {
        var channel = channels[event.channel];
        var isError = event.type === 'error';
        var word;
        if (!channel || (isError && channel.isRefused)) { return 'drop'; }
        word = anywire.judge(channel, event, isInUse);
        if (isError) { channel.isRefused = !anywire.isTransient(event.code); }
        if (word === 'deliver' || word === 'gap') {
          if (event.type === 'state') { channel.state = event; }
          anywire.each(channel.listeners, function (entry) { call(entry.fn, event); });
        }
        return word;
      },

      /** With another token they may be allowed. */
      allowAgain: function () {
        anywire.each(anywire.keys(channels), function (name) { channels[name].isRefused = false; });
      }
    };
  };
}(anywire));
