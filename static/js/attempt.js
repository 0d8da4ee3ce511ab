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
  var SILENT_BEATS = 1.5;

  /**
   * events: hello(a, event), proven(a), overdue(a), event(a, event) → whether it was news, mute(a, why), ended(a, reason).
   * The caller sees a.name, a.rank, a.isHello, a.isProven, a.isOverdue, a.record.
   */
  anywire.attempt = function (env, host, name, rank, events) {
    var kind = anywire.wires[name];
    var wire = null;
    var timer = null;
    var probe = null;
    var heardMs = 0;
    var beatMs = 0;
    var isOver = false;
    var wasProven = false;
    var record = {transport: name, startedMs: host.sinceMs(), phases: {}, verdict: ''};
    var a = {
      name: name, rank: rank, record: record, isHello: false, isProven: false, isOverdue: false, lost: {},
      start: start, close: close, end: end, ping: ping, demote: demote, nudge: nudge,
      ageMs: function () { return record.helloMs === undefined ? 0 : host.sinceMs() - record.helloMs; },
      sync: function () { if (wire) { wire.sync(); } },
      rewind: function (channel) { if (wire) { wire.rewind(channel); } },
      frames: function () { return wire && wire.send && a.isHello && !a.isOverdue ? wire.send : null; }
    };

    function silenceMs() { return env.now() - heardMs; }

    function arm(fn, ms) {
      env.clearTimeout(timer);
      timer = env.setTimeout(fn, ms);
    }

    function phase(word) {
      if (record.phases[word] === undefined) { record.phases[word] = host.sinceMs(); }
    }

    function patience() {
      end({why: name === 'sse' ? 'buffered' : a.isHello || record.phases.open !== undefined ? 'silent' : 'swallowed'});
    }

    function start() {
      heardMs = env.now();
      arm(patience, Math.max(PATIENCE_MS, host.quietMs() * 2));
      wire = kind.open(env, host, {
        phase: phase,
        event: event,
        heard: heard,
        proven: proven,
        ended: function (reason) { end(reason); }
      });
    }

    function heard() {
      heardMs = env.now();
      if (a.isOverdue && wasProven) { proven(); }
    }

    function event(ev) {
      if (isOver) { return false; }
      heard();
      if (ev.type === 'hello') { return hello(ev); }
      if (ev.type === 'ping') {
        if (a.isHello) { proven(); }
        return true;
      }
      if (ev.type === 'goaway') {
        end({why: 'draining', isAlive: true, retryMs: ev.retry, isFinal: ev.reconnect === false});
        return true;
      }
      return events.event(a, ev);
    }

    function hello(ev) {
      var isFirst = !a.isHello;
      a.isHello = true;
      beatMs = ev.heartbeat || 15000;
      if (isFirst) {
        record.helloMs = host.sinceMs();
        phase('hello');
        record.verdict = 'usable';
        if (wire && wire.ping) { ping(); }
        arm(overdue, (kind.proofMs || 0) + Math.max(PROOF_MS, 4 * host.rttMs()));
      }
      events.hello(a, ev, isFirst);
      return true;
    }

    function overdue() {
      if (a.isProven) { return; }
      a.isOverdue = true;
      arm(patience, PATIENCE_MS);
      events.overdue(a);
    }

    function proven() {
      if (a.isProven || isOver || !a.isHello) { return; }
      phase('proven');
      if (!wasProven && wire && wire.ping) { host.noteRtt(record.phases.proven - record.helloMs); }
      a.isProven = wasProven = true;
      a.isOverdue = false;
      record.verdict = 'ok';
      env.clearTimeout(timer);
      if (wire && wire.isStream) { watch(); }
      events.proven(a);
    }

    // Polls have the time-outs of their requests.
    function watch() {
      var leftMs = SILENT_BEATS * beatMs - silenceMs();
      if (leftMs <= 0) { end({why: 'silent'}); } else { arm(watch, leftMs); }
    }

    /** Asks the wire for a sign of life; without one in time it is *mute*, for the reason given as *why*. */
    function ping(why) {
      var asked = env.now();
      if (!wire || !wire.ping || (why && probe)) { return; }
      wire.ping();
      if (why) {
        probe = env.setTimeout(function () {
          probe = null;
          if (!isOver && heardMs <= asked) { events.mute(a, why); }
        }, host.quietMs());
      }
    }

    /** Something made it doubtful: it counts as unproven until it is heard again. */
    function demote() {
      a.isProven = false;
      a.isOverdue = true;
      arm(patience, PATIENCE_MS);
    }

    /** The page is looked at again: is it still there? */
    function nudge() {
      if (!wire) { return; }
      if (wire.ping) {
        ping('wake');
      } else if (wire.nudge) {
        wire.nudge();
      } else if (silenceMs() > beatMs) {
        events.mute(a, 'wake');
      }
    }

    function shut(word) {
      isOver = true;
      env.clearTimeout(timer);
      env.clearTimeout(probe);
      if (wire) { wire.close(); }
      record.endedMs = host.sinceMs();
      record.verdict = name + '.' + word;
    }

    function end(reason) {
      if (isOver) { return; }
      if (a.isHello && wire && wire.isStream && reason.isHidden) { host.noteCut(silenceMs()); }
      if (wasProven && (reason.why === 'blocked' || reason.why === 'cut')) { reason.why = 'lost'; }
      shut(reason.why);
      events.ended(a, reason);
    }

    /** We end it; nothing is told. */
    function close(word) {
      if (!isOver) { shut(word); }
    }

    return a;
  };
}(anywire));
