// One wire's life, from its start to its end: when it said hello, whether it is proven, when it was last heard.
//
//   started → hello (usable) → proven → ended
//             hello, and no proof in time: overdue, until the proof comes or patience ends
//
// hello may share a TCP segment with the handshake and the rest be swallowed, so a stream is proven only by a ping that
// comes after it, a poll by an answer after the first.
(function (anywire) {
  'use strict';

  var PATIENCE_MS = 10000; // for a wire that others stand in for meanwhile
  var PROOF_MS = 1000;
  var LATE_MS = 1000; // an event stream that takes longer, on top of twice what another wire took, is held back
  var SILENT_BEATS = 1.5;

  /**
   * hooks: hello(a, event, isFirst), proven(a), overdue(a), event(a, event) → whether it was news, mute(a, why),
   * ended(a, reason), inUse() → the attempt whose wire is in use, if any. The caller sees a.name, a.rank, a.isHello, a.isProven,
   * a.isOverdue, a.record.
   */
  anywire.attempt = function (env, server, name, rank, hooks) {
    var kind = anywire.wires[name];
    var timers = anywire.timers(env);
    var record = {transport: name, startedMs: server.sinceMs(), phases: {}, verdict: ''};
    var wire = {};
    var heardMs = env.now();
    var beatMs;
    var isOver = false;
    var wasProven = false;
    var a = {
      name: name, rank: rank, record: record, isHello: false, isProven: false, isOverdue: false, lost: {},

      start: function () {
        doubtAfter(0);
        try {
          wire = kind.open(env, server, {
            phase: phase,
            cut: cut,
            text: text,
            event: event,
            heard: heard,
            proven: proven,
            ended: end,
            isLive: function () { return !isOver; }
          });
        } catch (forbidden) {
          env.soon(function () { end({why: 'blocked', isHidden: true}); });
        }
      },

      /** Its verdict. */
      say: function (word) { record.verdict = name + '.' + word; },
      ageMs: function () { return server.sinceMs() - record.helloMs; },
      sync: function () { wire.sync(); },
      rewind: function (channel) { if (!isOver) { wire.rewind(channel); } },
      frames: function () { return a.isOverdue ? null : wire.send; },

      /** Asks for a sign of life; without one in time the wire is mute, for the reason given as *why*. */
      ping: function (why) {
        var asked = env.now();
        if (!wire.ping || timers.isArmed('probe')) { return; }
        wire.ping();
        if (why) { timers.arm('probe', function () { if (heardMs <= asked) { hooks.mute(a, why); } }, server.quietMs()); }
      },

      /** Something made it doubtful: it counts as unproven until it is heard again. */
      demote: function () {
        a.isProven = false;
        a.isOverdue = true;
        expect(PATIENCE_MS);
      },

      /** The page is looked at again: is it still there? */
      nudge: function () {
        a.ping('wake');
        if (wire.nudge) { wire.nudge(); }
        if (wire.isStream && env.now() - heardMs > beatMs) { hooks.mute(a, 'wake'); }
      },

      /** We end it; nothing is told. */
      close: function (word) {
        if (isOver) { return; }
        isOver = true;
        timers.clear();
        try { wire.close(); } catch (never) { /* it didn't start */ }
        record.endedMs = server.sinceMs();
        a.say(word);
      }
    };

    function phase(word) {
      if (!record.phases[word]) { record.phases[word] = server.sinceMs(); }
    }

    function cut(afterMs) { record.cutMs = Math.round(afterMs); }

    // What is wrong with a wire that keeps us waiting. Only an event stream is held back for what it is: plain requests
    // get their answers meanwhile.
    function why() {
      var isOpen = a.isHello || record.phases.open;
      if (name !== 'sse' || wasProven) { return isOpen ? 'silent' : 'swallowed'; }
      return a.isHello ? 'one-behind' : isOpen || hooks.inUse() ? 'buffered' : 'swallowed';
    }

    function expect(ms) { timers.arm('life', function () { end({why: why()}); }, ms); }

    // A first opinion after a second, for who looks and for what may stand in; the wire has some seconds more to refute it.
    function doubtAfter(ms) {
      timers.arm('life', function () {
        a.say(why());
        a.isOverdue = a.isHello;
        expect(PATIENCE_MS);
        hooks.overdue(a);
      }, ms + Math.max(PROOF_MS, 4 * server.rttMs));
    }

    function heard() {
      heardMs = env.now();
      if (a.isOverdue && wasProven) { proven(); }
    }

    function text(json) {
      var ev;
      try { ev = JSON.parse(json); } catch (notOurs) { end({why: 'captive-portal'}); }
      if (ev) { event(ev); }
      return ev;
    }

    function event(ev) {
      if (isOver) { return false; }
      heard();
      if (ev.type === 'hello') {
        hello(ev);
      } else if (ev.type === 'ping') {
        // A late one comes with the next event, which is itself held back now.
        if (name !== 'sse' || !a.isOverdue) { proven(); }
      } else if (ev.type === 'goaway') {
        end({why: 'draining', isAlive: true, retryMs: ev.retry, isFinal: ev.reconnect === false, error: {code: 'goaway'}});
      } else {
        return hooks.event(a, ev);
      }
      return true;
    }

    function hello(ev) {
      var isFirst = !a.isHello;
      var tookMs = server.sinceMs() - record.startedMs;
      var inUse = hooks.inUse();
      // Held back, where another wire was quicker, and would be with each event.
      if (isFirst && name === 'sse' && inUse && tookMs > LATE_MS + 2 * (inUse.record.helloMs - inUse.record.startedMs)) {
        record.delayMs = tookMs;
        end({why: 'delayed'});
        return;
      }
      a.isHello = true;
      beatMs = ev.heartbeat || 15000;
      if (isFirst) {
        phase('hello');
        record.helloMs = server.sinceMs();
        record.verdict = 'usable';
        if (!wire.isStream) { server.rttMs = server.rttMs || tookMs; }
        a.ping();
        doubtAfter(kind.proofMs || 0);
      }
      hooks.hello(a, ev, isFirst);
    }

    function proven() {
      if (a.isProven || isOver || !a.isHello) { return; }
      phase('proven');
      if (wire.ping && !wasProven) { server.rttMs = a.ageMs(); }
      a.isProven = wasProven = true;
      a.isOverdue = false;
      record.verdict = 'ok';
      timers.disarm('life');
      if (wire.isStream) { watch(); } // polls have the time-outs of their requests
      hooks.proven(a);
    }

    function watch() {
      var leftMs = heardMs + SILENT_BEATS * beatMs - env.now();
      if (leftMs > 0) { timers.arm('life', watch, leftMs); } else { end({why: 'silent'}); }
    }

    function end(reason) {
      if (isOver) { return; }
      if (a.isHello && reason.isHidden && server.noteCut(env.now() - heardMs)) {
        reason.why = 'cut';
        cut(env.now() - heardMs);
      } else if (wasProven && /blocked|cut/.test(reason.why)) {
        reason.why = 'lost';
      }
      a.close(reason.why);
      hooks.ended(a, reason);
    }

    return a;
  };
}(anywire));
