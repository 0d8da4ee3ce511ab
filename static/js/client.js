// The public interface: puts the parts together and keeps what a page sees (transport, state, user, attempts) current.
(function (anywire) {
  'use strict';

  var MAX_ATTEMPTS = 50; // kept for people to read
  var RETRY_MS = 1000;

  // Every request by which the page itself asks for something ends here: callback(error, body).
  function answerTo(callback) {
    return function (result) {
      if (!callback) { return; }
      if (result.status >= 200 && result.status < 300 && result.body) {
        callback(null, result.body);
      } else {
        callback(anywire.errorOf(result));
      }
    };
  }

  anywire.client = function (env, base, options) {
    var emitter = anywire.emitter(env);
    var subscriptions = anywire.subscriptions(env, emitter.call);
    var server = anywire.server(env, base, options, subscriptions.list);
    var memory = anywire.memory(env, 'anywire:' + server.root, options.remember !== false);
    var outbox = anywire.outbox(env, 'anywire:outbox:' + server.root);
    var report = anywire.report(server, options.report !== false);
    var forced = anywire.forced(env.search);
    var network = server.offer.network || '';
    var names = null;
    var isReady = false;
    var isPreparing = false;
    var isClosed = false;
    var isAway = false;
    var wire = {transport: '', state: 'connecting', user: server.offer.user || null, attempts: []};
    var negotiator;
    var publisher;
    var unlisten;

    // --- what the page sees

    function show() {
      env.mark('data-anywire-transport', wire.transport);
      env.mark('data-anywire-state', wire.state);
    }

    function setState(state) {
      if (state !== 'open') { wire.transport = ''; }
      if (state !== wire.state) {
        wire.state = state;
        show();
        emitter.emit('state', state);
      }
    }

    function setUser(user) {
      var known = wire.user;
      if (user && (!known || known.id !== user.id || known.name !== user.name)) {
        wire.user = user;
        emitter.emit('user', user);
      }
    }

    function note(record) {
      if (anywire.indexOf(wire.attempts, record) < 0) {
        wire.attempts.push(record);
        if (wire.attempts.length > MAX_ATTEMPTS) { wire.attempts.shift(); }
      }
      emitter.emit('attempt', record);
    }

    function fail(error) { emitter.emit('error', {code: error.code, message: error.message, channel: error.channel}); }

    // --- which transports there are: those that the server offers, the page wants and the browser has

    function offers(name) {
      var offered = server.offer.transports;
      if (!offered) { return true; }
      for (var i = 0; i < offered.length; i += 1) {
        if (offered[i].name === name) { return true; }
      }
      return false;
    }

    function choose() {
      var wanted = forced ? [forced] : options.transports || anywire.PREFERENCE;
      var why;
      names = [];
      for (var i = 0; i < wanted.length; i += 1) {
        why = !anywire.wires[wanted[i]] || !anywire.wires[wanted[i]].isSupported(env) ? 'unsupported' :
          offers(wanted[i]) ? '' : 'disabled';
        if (why) {
          note({transport: wanted[i], startedMs: server.sinceMs(), phases: {}, verdict: wanted[i] + '.' + why});
        } else {
          names.push(wanted[i]);
        }
      }
      if (!names.length) { fail({code: 'no-transport', message: 'No transport is left: ' + wanted.join(', ')}); }
    }

    // --- from the wires

    function onHello(a, event) {
      setUser(event.user);
      if (network && event.network && network !== event.network) { negotiator.forget(); }
      network = event.network || network;
      note(a.record);
    }

    function onProven(a) {
      note(a.record);
      if (a !== negotiator.current()) { return; }
      if (!forced && !options.transports) { memory.keep(network, a.name, server.rttMs()); }
      publisher.flush();
      report(a.name, network, wire.attempts);
    }

    function onUse(a) {
      var isOther = wire.transport !== a.name;
      wire.transport = a.name;
      show();
      publisher.reset();
      if (isOther) { emitter.emit('transport', a.name); }
    }

    function onEvent(a, event, isInUse) {
      var word;
      var current;
      if (event.type === 'error' && event.code === 'token-expired') {
        renewToken(event);
        return 'deliver';
      }
      if (event.type === 'ack' || (event.type === 'error' && event.ref)) {
        publisher.answer(event);
        return 'deliver';
      }
      wire.transport = a.name; // while an event is delivered: the wire that it came by
      word = subscriptions.receive(event, isInUse);
      current = negotiator.current();
      wire.transport = current ? current.name : '';
      if (word === 'gap') { emitter.emit('gap', {channel: event.channel, position: event.position}); }
      if (event.type === 'error') { onError(a, event, word); }
      return word;
    }

    function onError(a, event, word) {
      if (event.channel && anywire.isTransient(event.code)) {
        env.setTimeout(function () { a.rewind(event.channel); }, event.retry || RETRY_MS);
      } else if (word === 'deliver' || !event.channel) {
        fail(event);
        if (!subscriptions.list().length) { env.soon(sync); }
      }
    }

    function renewToken(error) {
      server.renewToken(function (isNew) {
        if (isClosed) { return; }
        if (isNew) {
          subscriptions.allowAgain();
          negotiator.restart();
        } else {
          fail(error);
        }
      });
    }

    negotiator = anywire.negotiator(env, {
      names: function () { return names; },
      remembered: function () { return memory.recall(network).transport || ''; },
      boot: function () { server.boot(!!wire.user); },
      url: server.url, query: server.query, poll: server.poll, ask: server.ask, channels: server.channels,
      isForeign: server.isForeign, heartbeatMs: server.heartbeatMs, tuning: server.tuning, noteCut: server.noteCut,
      sinceMs: server.sinceMs, rttMs: server.rttMs, noteRtt: server.noteRtt, quietMs: server.quietMs,
      patienceMs: server.patienceMs
    }, {
      state: setState,
      use: onUse,
      hello: onHello,
      proven: onProven,
      event: onEvent,
      attempt: function (a) { note(a.record); },
      denied: function (reason) {
        if (reason.code === 'token-expired') { renewToken(reason); } else { fail(reason); }
      },
      end: fail
    });

    publisher = anywire.publisher(env, outbox, {
      frames: function () { return negotiator.current() && negotiator.current().frames(); },
      // Before the first wire is there a message waits for it; a page that follows nothing has no wire to wait for.
      canRequest: function () { return isReady && !isAway && (!!negotiator.current() || !subscriptions.list().length); },
      post: server.post,
      quietMs: server.quietMs,
      onQuiet: function () { negotiator.suspect(); }
    });

    // --- starting, resting, ending

    // All that the page subscribes to in one turn goes out with the first request.
    function prepare() {
      if (isPreparing || isClosed) { return; }
      isPreparing = true;
      server.boot(!!wire.user);
      env.soon(function () {
        server.prepare(!!memory.recall('').transport, function () {
          if (isClosed) { return; }
          isReady = true;
          setUser(server.offer.user);
          choose();
          sync();
          publisher.flush();
        });
      });
    }

    function sync() {
      if (!isReady || isClosed || isAway) { return; }
      if (!subscriptions.list().length || !names.length) {
        negotiator.stop('waiting');
      } else {
        negotiator.start();
        negotiator.sync();
      }
    }

    unlisten = anywire.wake(env, {
      wake: negotiator.wake,
      hide: function () {
        outbox.save();
        isAway = true;
        if (isReady) { negotiator.stop('waiting'); }
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
      var remove = subscriptions.add(channel, options, onEvent);
      var isOver = false;
      prepare();
      if (isReady) { env.soon(sync); }
      return {
        unsubscribe: function () {
          if (isOver) { return; }
          isOver = true;
          remove();
          env.soon(sync);
        }
      };
    };

    /**
     * Publishes *data*, any JSON value; callback(error, receipt) when the log has it, or when it can't ever have it.
     * Until then it is sent again over whatever wire there is, and stored once. Returns a promise where there are promises.
     */
    wire.publish = function (channel, data, callback) {
      var settle = null;
      var promise = env.Promise && !callback ? new env.Promise(function (resolve, reject) {
        settle = function (error, receipt) { if (error) { reject(error); } else { resolve(receipt); } };
      }) : undefined;
      var json = anywire.encode(data, server.offer.limits);
      if (json.error || isClosed) {
        (callback || settle || function () {})(json.error || {code: 'closed', message: 'This wire was closed.'});
        return promise;
      }
      outbox.add(channel, json.text, function (error, receipt) {
        if (callback || settle) { emitter.call(callback || settle, error, receipt); }
      });
      prepare();
      publisher.flush();
      return promise;
    };

    /** Tells *data* to whoever follows *channel* right now; never kept, may be lost. */
    wire.signal = function (channel, data) {
      var current = negotiator.current();
      var send = current && current.frames();
      if (send) {
        send(JSON.stringify({type: 'signal', channel: channel, data: data}));
      } else if (current) {
        server.post('v1/publish', JSON.stringify({channel: channel, data: data, signal: true}), 10000, function () {});
      }
    };

    /** What was published on *channel* and is not acknowledged yet, also before a reload: [{id, data}], oldest first. */
    wire.pending = function (channel) {
      var entries = outbox.list(channel);
      var found = [];
      for (var i = 0; i < entries.length; i += 1) { found.push({id: entries[i].id, data: JSON.parse(entries[i].json)}); }
      return found;
    };

    /** A page of older messages: callback(error, {messages, more}), oldest first; *before* null for the newest. */
    wire.history = function (channel, before, limit, callback) {
      server.get('v1/history', [['channel', channel], ['before', before || undefined], ['limit', limit || undefined]],
        answerTo(callback));
    };

    /** Gives the visitor another name: callback(error, user). */
    wire.rename = function (name, callback) {
      server.post('v1/me', JSON.stringify({name: name}), 10000, answerTo(function (error, body) {
        if (!error) { setUser(body.user || body); }
        if (callback) { callback(error, wire.user); }
      }));
    };

    /** Ends it. What is unacknowledged stays in the session's storage, and the next connect() sends it. */
    wire.close = function () {
      if (isClosed) { return; }
      isClosed = true;
      unlisten();
      negotiator.stop('closed');
      publisher.close();
    };

    if (outbox.list().length) { prepare(); }
    show();
    return wire;
  };
}(anywire));
