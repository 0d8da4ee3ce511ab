// The public interface: puts the parts together and keeps what a page sees (transport, state, user, attempts) current.
(function (anywire) {
  'use strict';

  var MAX_ATTEMPTS = 50; // kept for people to read
  var RETRY_MS = 1000;
  var MAX_BYTES = 65536; // of one message; a text has at least as many bytes as characters

  // Whatever the page asks for by itself ends here: callback(error, body).
  function answerTo(callback) {
    return function (result) {
      if (result.status === 200 && result.body) { callback(null, result.body); } else { callback(anywire.errorOf(result)); }
    };
  }

  anywire.client = function (env, base, options) {
    var emitter = anywire.emitter(env);
    var subscriptions = anywire.subscriptions(env, emitter.call);
    var server = anywire.server(env, base, options, subscriptions.list);
    var key = 'anywire:' + server.root;
    var memory = anywire.memory(env, key);
    var outbox = anywire.outbox(env, options.isAside ? '' : key);
    var forced = anywire.forced(env.search);
    var remembers = options.remember !== false && !forced && !options.transports;
    var network = server.offer.network || memory.recall('last');
    var names = [];
    var isPreparing = false;
    var isReady = false;
    var isAway = false; // in the back-forward cache, or closed
    var wire = {transport: '', state: 'connecting', user: server.offer.user || null, attempts: []};
    var report = anywire.report(env, server, options.report !== false, wire, function () { return network; });
    var negotiator;
    var publisher;
    var unlisten;

    // --- what the page sees

    function show() {
      if (options.isAside && env.isConnected) { return; }
      env.mark('transport', wire.transport);
      env.mark('state', wire.state);
    }

    function setState(state) {
      if (state !== 'open') { wire.transport = ''; }
      if (state === wire.state) { return; }
      wire.state = state;
      show();
      emitter.emit('state', state);
    }

    function setUser(user) {
      var known = wire.user || {};
      if (!user || (known.id === user.id && known.name === user.name)) { return; }
      wire.user = user;
      emitter.emit('user', user);
    }

    function note(record) {
      if (!anywire.has(wire.attempts, record)) { wire.attempts.push(record); }
      if (wire.attempts.length > MAX_ATTEMPTS) { wire.attempts.shift(); }
      report(record);
      emitter.emit('attempt', record);
    }

    /** Tells the page, unless another token helps. */
    function fail(error) {
      server.renewToken(function (isNew) {
        if (isNew) {
          subscriptions.allowAgain();
          negotiator.restart();
        } else {
          emitter.emit('error', error);
        }
      }, error);
    }

    // Which transports there are: those that the page wants, the browser has and the server offers.
    function choose() {
      var offered = []; // in the operator's order
      var wanted;
      anywire.each(server.offer.transports || [], function (transport) { offered.push(transport.name); });
      function isLeftOut(name) { return !anywire.has(offered, name); }
      wanted = forced ? [forced] : options.transports || offered.concat(anywire.filter(anywire.PREFERENCE, isLeftOut));
      names = anywire.filter(wanted, function (name) {
        var isSupported = anywire.wires[name] && env[anywire.wires[name].needs];
        if (isSupported && !(offered.length && isLeftOut(name))) { return true; }
        note({transport: name, startedMs: server.sinceMs(), phases: {}, verdict: name + (isSupported ? '.disabled' : '.unsupported')});
        return false;
      });
      if (!names.length) { fail({code: 'no-transport', message: String(wanted)}); }
    }

    // --- from the wires

    function onEvent(a, event, isInUse) {
      var word = 'deliver';
      var current;
      if (event.code === 'token-expired') {
        fail(event);
      } else if (event.ref) {
        publisher.answer(event);
      } else {
        wire.transport = a.name; // while an event is delivered: the wire that it came by
        word = subscriptions.receive(event, isInUse);
        current = negotiator.current();
        wire.transport = current ? current.name : '';
        if (word === 'gap') { emitter.emit('gap', {channel: event.channel, position: event.position}); }
        if (event.type === 'error') { onError(a, event, word); }
      }
      return word;
    }

    function onError(a, event, word) {
      if (event.channel && anywire.isTransient(event.code)) {
        env.setTimeout(function () { a.rewind(event.channel); }, event.retry || RETRY_MS);
      } else if (word === 'deliver' || !event.channel) {
        fail(event);
        env.soon(sync);
      }
    }

    negotiator = anywire.negotiator(env, server, {
      names: function () { return names; },
      remembered: function () {
        var name = remembers && memory.recall(network);
        return anywire.has(names, name) ? name : '';
      },
      boot: function () { server.boot(wire.user); },
      state: setState,
      use: function (a) {
        var isOther = wire.transport !== a.name;
        wire.transport = a.name;
        show();
        publisher.reset();
        if (isOther) { emitter.emit('transport', a.name); }
      },
      hello: function (a, event) {
        setUser(event.user);
        if (network && network !== event.network) { negotiator.forget(event.network); }
        network = event.network;
        note(a.record);
      },
      proven: function (a) {
        note(a.record);
        if (a !== negotiator.current()) { return; }
        if (remembers) { memory.keep(network, a.name); }
        publisher.flush();
      },
      event: onEvent,
      attempt: function (a) { note(a.record); },
      denied: fail
    });

    publisher = anywire.publisher(env, outbox, server, {
      frames: function () { return negotiator.current() && negotiator.current().frames(); },
      // Before the first wire is there a message waits for it; a page that follows nothing, or can't, has no wire to wait for.
      canRequest: function () {
        return isReady && !isAway && (negotiator.current() || !subscriptions.list().length || !names.length);
      },
      onQuiet: negotiator.suspect
    });

    // --- starting, resting, ending

    // What the page asks for in one turn goes out with the first request.
    function prepare() {
      if (isPreparing) { return; }
      isPreparing = true;
      env.soon(function () {
        server.prepare(memory.recall('last'), function () {
          isReady = true;
          setUser(server.offer.user);
          server.boot(wire.user);
          choose();
          sync();
          publisher.flush();
          emitter.emit('ready');
        });
      });
    }

    function sync() {
      if (!isReady || isAway) { return; }
      if (subscriptions.list().length && names.length) {
        negotiator.start();
        negotiator.sync();
      } else {
        negotiator.stop('waiting');
      }
    }

    unlisten = anywire.wake(env, {
      wake: negotiator.wake,
      hide: function () {
        isAway = true;
        outbox.save();
        negotiator.stop('waiting');
      },
      show: function () {
        isAway = false;
        sync();
      }
    });

    /** Calls *fn* whenever *name* happens: 'transport', 'state', 'user', 'gap', 'error', 'attempt'. Returns how to stop it. */
    wire.on = emitter.on;

    /**
     * Follows *channel*: onEvent(event) gets every event of it, messages exactly once and in order.
     * options: {history: 50} begins with the last 50, {after: 'EPOCH-OFFSET'} after that position; else with the next one.
     */
    wire.subscribe = function (channel, options, onEvent) {
      var remove = subscriptions.add(channel, options || {}, onEvent);
      prepare();
      env.soon(sync);
      return {
        unsubscribe: function () {
          remove();
          env.soon(sync);
        }
      };
    };

    /**
     * Publishes *data*, any JSON value; callback(error, receipt) when the log has it, or when it can't ever have it.
     * Until then it is sent again over whatever wire there is, and stored once. Without a callback it returns a promise,
     * where there are promises.
     */
    wire.publish = function (channel, data, callback) {
      var json;
      function done(error, receipt) { emitter.call(callback, error, receipt); }
      if (!callback) { return anywire.promised(env, function (done) { wire.publish(channel, data, done); }); }
      // What the server would refuse for ever must not block what follows; it counts the bytes exactly.
      try { json = JSON.stringify(data); } catch (cycle) { /* as with a function: no JSON */ }
      if (!json || json.length > MAX_BYTES) {
        done({code: json ? 'too-large' : 'bad-data', message: 'JSON of 64 KiB at most'});
      } else {
        outbox.add(channel, json, done);
        prepare();
        publisher.flush();
      }
      return undefined;
    };

    /** Tells *data* to whoever follows *channel* right now; never kept, may be lost. */
    wire.signal = function (channel, data) {
      var current = negotiator.current();
      var send = current && current.frames();
      var signal = {type: 'signal', channel: channel, data: data, signal: true};
      if (send) { send(JSON.stringify(signal)); } else { server.post('v1/publish', JSON.stringify(signal), function () {}); }
    };

    /** What was published on *channel* and is not acknowledged yet, also before a reload: [{id, data}], oldest first. */
    wire.pending = function (channel) {
      var found = [];
      anywire.each(outbox.list(channel), function (entry) { found.push({id: entry.id, data: JSON.parse(entry.json)}); });
      return found;
    };

    /** A page of older messages: callback(error, {messages, more}), oldest first; *before* null for the newest. */
    wire.history = function (channel, before, limit, callback) {
      server.get('v1/history', [['channel', channel], ['before', before], ['limit', limit]], answerTo(callback));
    };

    /** Gives the visitor another name: callback(error, user). */
    wire.rename = function (name, callback) {
      server.post('v1/me', JSON.stringify({name: name}), answerTo(function (error, body) {
        if (!error) { setUser(body.user || body); }
        if (callback) { callback(error, wire.user); }
      }));
    };

    /** Ends it. What is unacknowledged stays in the session's storage, and the next connect() sends it. */
    wire.close = function () {
      isAway = true;
      unlisten();
      negotiator.stop('closed');
      publisher.close();
    };

    anywire.jobs(env, server, wire, emitter.call, answerTo, function (fn) {
      if (isReady) { fn(); } else { emitter.on('ready', fn); }
      prepare();
    });
    if (outbox.list().length) { prepare(); }
    show();
    return wire;
  };
}(anywire));
