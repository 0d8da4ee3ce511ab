// Which wire is in use, which are tried beside it, and what happens when one ends.
//
// First contact is a staggered race: the first hello decides, nothing waits in line. Reconnecting doesn't race: the wire
// that worked goes alone first, and while the server says "patience" (429, 503, goaway) no other one is started.
// All live wires deliver, filtered by position, so a change of the wire in use is not an event for the page.
(function (anywire) {
  'use strict';

  var STAGGER_MS = 250; // above a healthy handshake, below what a person takes for slow
  var LONGEST_STAGGER_MS = 1000;
  var LINGER_MS = 2000; // a wire that was in use stays so long beside its better successor, should that one flap
  var RETRY_JITTER_MS = 100; // many clients lose their wires at one moment
  var FLAPPING = 3; // failures that the only transport counts for when it breaks again and again
  var MANY = 10; // failures: the back-off is at its cap
  var PATIENCE_RETRY_MS = 1000; // where the server asks for patience and names no time

  /**
   * host: names() in order of preference, remembered(), boot(), ask(done(reason)), quietMs(), rttMs();
   * hooks: state(word), use(a), event(a, event, isInUse) → word, hello(a, event), proven(a), attempt(), denied(reason), end().
   */
  anywire.negotiator = function (env, host, hooks) {
    var live = [];
    var queue = [];
    var current = null;
    var worked = '';
    var failures = 0;
    var isAlone = false;
    var isPatient = false; // the wait under way is the server's wish
    var isStopped = true;
    var timers = {};
    var recheck = anywire.recheck(env);

    function arm(name, fn, ms) {
      disarm(name);
      timers[name] = env.setTimeout(function () {
        timers[name] = null;
        fn();
      }, ms);
    }

    function disarm(name) {
      env.clearTimeout(timers[name]);
      timers[name] = null;
    }

    function isLive(name) {
      for (var i = 0; i < live.length; i += 1) {
        if (live[i].name === name) { return true; }
      }
      return false;
    }

    // --- starting wires

    function open(name) {
      var a = anywire.attempt(env, host, name, anywire.indexOf(host.names(), name), {
        hello: onHello,
        proven: onProven,
        overdue: onOverdue,
        event: onEvent,
        mute: onMute,
        ended: onEnded
      });
      live.push(a);
      hooks.attempt(a);
      if (!current) { hooks.state('connecting'); }
      a.start();
    }

    function race(first) {
      var names = host.names();
      var last = [];
      isAlone = false;
      queue = [];
      for (var i = 0; i < names.length; i += 1) {
        if (names[i] !== first) { (recheck.isStruck(names[i]) ? last : queue).push(names[i]); }
      }
      queue = (anywire.indexOf(names, first) < 0 ? [] : [first]).concat(queue, last);
      next();
    }

    function next() {
      var name;
      disarm('stagger');
      while (queue.length) {
        name = queue.shift();
        if (!isLive(name)) {
          open(name);
          break;
        }
      }
      if (queue.length) { arm('stagger', onStagger, staggerMs()); }
    }

    function staggerMs() {
      return Math.min(LONGEST_STAGGER_MS, Math.max(STAGGER_MS, 2.5 * host.rttMs()));
    }

    function onStagger() {
      if (!current || current.isOverdue) { next(); }
    }

    function alone(name) {
      if (anywire.indexOf(host.names(), name) < 0 || recheck.isStruck(name)) {
        race('');
        return;
      }
      isAlone = true;
      queue = [];
      if (!isLive(name)) { open(name); }
      arm('alone', function () { if (!current && !timers.wait) { race(''); } }, host.quietMs());
    }

    function begin() {
      disarm('wait');
      if (isStopped) { return; }
      host.boot();
      if (worked) { alone(worked); } else { race(host.remembered()); }
    }

    function wait(ms, isServersWish) {
      if (current) { return; }
      disarm('stagger');
      disarm('alone');
      queue = [];
      isPatient = isServersWish;
      arm('wait', begin, ms);
      hooks.state('waiting');
    }

    // --- what wires tell

    function onHello(a, event, isFirst) {
      failures = 0;
      disarm('wait');
      if (isFirst) { recheck.hello(); }
      hooks.hello(a, event);
      if (isFirst && anywire.indexOf(live, a) >= 0) {
        settle();
        a.sync();
      }
    }

    function onProven(a) {
      settle();
      hooks.proven(a);
    }

    function onOverdue(a) {
      settle();
      if (a === current) { startNext(); }
    }

    function startNext() {
      if (!queue.length) { queue = anywire.without(host.names(), current ? current.name : ''); }
      next();
    }

    function onEvent(a, event) {
      var word = hooks.event(a, event, a === current);
      if (word === 'rewind') {
        if (!a.lost[event.channel]) { a.rewind(event.channel); }
      } else if (word === 'lost') {
        a.lost[event.channel] = true;
      }
      return word === 'deliver' || word === 'gap';
    }

    function onMute(a, why) {
      if (a !== current) { return; }
      if (why === 'publish' && host.names().length > 1) {
        a.demote();
        startNext();
      } else {
        renew();
      }
    }

    // --- choosing

    function isBetter(a, b) {
      var left = a.isProven ? 2 : a.isOverdue ? 0 : 1;
      var right = b.isProven ? 2 : b.isOverdue ? 0 : 1;
      return left !== right ? left > right : a.rank < b.rank;
    }

    function best() {
      var found = null;
      for (var i = 0; i < live.length; i += 1) {
        if (live[i].isHello && (!found || isBetter(live[i], found))) { found = live[i]; }
      }
      return found;
    }

    function settle() {
      var chosen = best();
      if (chosen && chosen !== current) { use(chosen); }
      if (!current || current.isOverdue) { return; }
      disarm('stagger');
      disarm('alone');
      if (current.isProven) {
        worked = current.name;
        queue = [];
        closeOthers();
        planClimb();
      }
    }

    function use(a) {
      var old = current;
      current = a;
      if (old) { old.wasUsed = true; }
      for (var name in a.lost) {
        if (a.lost.hasOwnProperty(name)) { a.rewind(name); }
      }
      a.lost = {};
      hooks.use(a);
      hooks.state('open');
    }

    function closeOthers() {
      var all = live;
      for (var i = 0; i < all.length; i += 1) {
        if (all[i] !== current && all[i].rank >= current.rank) {
          if (all[i].wasUsed && all[i].isProven) { linger(all[i]); } else { drop(all[i], all[i].isHello ? 'superseded' : 'slower'); }
        }
      }
    }

    function linger(a) {
      if (a.isLingering) { return; }
      a.isLingering = true;
      env.setTimeout(function () {
        a.isLingering = false;
        if (a !== current && current && current.isProven) { drop(a, 'superseded'); }
      }, LINGER_MS);
    }

    function drop(a, word) {
      live = anywire.without(live, a);
      a.close(word);
      hooks.attempt(a);
    }

    // --- climbing to what is better than the one in use

    function planClimb() {
      var names = host.names();
      var soonest = Infinity;
      var target = '';
      for (var i = 0; i < names.length && i < current.rank; i += 1) {
        if (!isLive(names[i]) && recheck.dueInMs(names[i]) < soonest) {
          target = names[i];
          soonest = recheck.dueInMs(target);
        }
      }
      disarm('climb');
      if (target) { arm('climb', function () { climb(target); }, soonest); }
    }

    function climb(name) {
      if (!current || !current.isProven) { return; }
      recheck.tried(name);
      open(name);
      if (current) { planClimb(); }
    }

    // --- endings

    function onEnded(a, reason) {
      var wasCurrent = a === current;
      live = anywire.without(live, a);
      hooks.attempt(a);
      if (wasCurrent) { current = null; }
      if (reason.isFinal) {
        stop('closed');
        hooks.end(reason);
        return;
      }
      if (!reason.isAlive) {
        if (a.isHello) { recheck.died(a.name, a.ageMs()); } else { recheck.failed(); }
      }
      if (best()) {
        if (a.isHello) { recheck.hello(); } // another wire lives, so the server does
        settle();
        if (current.isOverdue) { standIn(a); }
      } else if (reason.isAlive) {
        wait(reason.retryMs === undefined ? PATIENCE_RETRY_MS * (0.5 + env.random()) : reason.retryMs, true);
      } else if (a.isHello) {
        lost(a);
      } else {
        failed(a, reason);
      }
    }

    // The wire in use is doubtful, and *a*, which was to stand in for it, has failed.
    function standIn(a) {
      if (queue.length) {
        next();
      } else if (a.name === current.name) {
        failures += 1;
        arm('renew', renew, anywire.backOffMs(env, failures));
      }
    }

    function lost(a) {
      disarm('climb');
      worked = a.name;
      isPatient = false;
      if (recheck.isStruck(a.name)) {
        a.record.verdict = a.name + '.flapping';
        hooks.attempt(a);
        if (host.names().length > 1) {
          worked = '';
          race('');
        } else {
          wait(anywire.backOffMs(env, FLAPPING), false);
        }
      } else {
        hooks.state('connecting');
        arm('wait', begin, env.random() * RETRY_JITTER_MS);
      }
    }

    function failed(a, reason) {
      if (reason.why === 'forbidden') {
        denied(reason);
      } else if (!isAlone && queue.length) {
        next();
      } else if (isAlone && !reason.isHidden && !reason.isNetwork) {
        race('');
      } else if (reason.isHidden && !live.length) {
        host.ask(function (answer) { onAnswer(a, answer); });
      } else {
        if (reason.isNetwork) { a.record.verdict = a.name + '.offline'; }
        backOff();
      }
    }

    function backOff() {
      failures += 1;
      wait(anywire.backOffMs(env, failures), false);
    }

    // What a plain request says about a failure whose status the browser hides.
    function onAnswer(a, answer) {
      if (isStopped || current) { return; }
      if (answer.isNetwork) {
        a.record.verdict = a.name + '.offline';
        hooks.attempt(a);
      }
      if (answer.isAlive) {
        wait(answer.retryMs === undefined ? PATIENCE_RETRY_MS * (0.5 + env.random()) : answer.retryMs, true);
      } else if (answer.why === 'forbidden') {
        a.record.verdict = a.name + '.forbidden';
        denied(answer);
      } else if (isAlone && !answer.isNetwork && host.names().length > 1) {
        race('');
      } else {
        backOff();
      }
    }

    function denied(reason) {
      failures = MANY; // only somebody's action changes it
      backOff();
      hooks.denied(reason);
    }

    // --- waking and resting

    /** The wire in use may be dead without knowing: a fresh one beside it decides. */
    function renew() {
      var all = live;
      if (!current) { return; }
      for (var i = 0; i < all.length; i += 1) {
        if (all[i] !== current && all[i].name === current.name) { return; }
      }
      if (!current.isOverdue) {
        current.demote();
        current.ping();
      }
      open(current.name);
    }

    function wake(isStrong) {
      if (isStopped) { return; }
      if (timers.wait) {
        if (!isPatient) {
          failures = 0;
          begin();
        }
      } else if (current) {
        if (isStrong) { renew(); } else { current.nudge(); }
      } else if (isStrong) {
        closeAll('slower');
        begin();
      }
    }

    function closeAll(word) {
      var all = live;
      live = [];
      current = null;
      queue = [];
      for (var name in timers) {
        if (timers.hasOwnProperty(name)) { disarm(name); }
      }
      for (var i = 0; i < all.length; i += 1) {
        all[i].close(word);
        hooks.attempt(all[i]);
      }
    }

    function stop(word) {
      isStopped = true;
      closeAll('closed');
      hooks.state(word);
    }

    return {
      start: function () {
        if (isStopped) {
          isStopped = false;
          begin();
        }
      },
      stop: stop,
      wake: wake,
      /** The set of channels has changed. */
      sync: function () {
        var all = live;
        for (var i = 0; i < all.length; i += 1) {
          if (all[i].isHello) { all[i].sync(); }
        }
      },
      /** Something that was published stays without an answer. */
      suspect: function () { if (current) { current.ping('publish'); } },
      /** Begin anew with what is asked for now, such as another token. */
      restart: function () {
        if (isStopped) { return; }
        closeAll('superseded');
        begin();
      },
      forget: recheck.forget,
      current: function () { return current; }
    };
  };
}(anywire));
