// When to start which wire, and what happens when one ends.
// First contact is a staggered race: the first hello decides, nothing waits in line. Reconnecting doesn't race: the wire
// that worked goes alone first, and while the server says "patience" (429, 503, goaway) no other one is started.
(function (anywire) {
  'use strict';

  var STAGGER_MS = 250; // above a healthy handshake, below what a person takes for slow
  var LONGEST_STAGGER_MS = 1000;
  var RETRY_JITTER_MS = 50; // many clients lose their wires at one moment; a page feels it as a pause
  var BURST_MS = 50; // what came for a frozen page comes all at once when it wakes, and is no sign of life
  var FLAPS = 3; // wires that broke again and again, one after the other: from then on there is a pause between them
  var MANY = 10; // failures: the back-off is at its cap

  /**
   * hooks: names() in order of preference, remembered() or '', boot(), state(word), use(a), event(a, event, isInUse) → word
   * of positions.js, hello(a, event), proven(a), attempt(a), denied(error).
   */
  anywire.negotiator = function (env, server, hooks) {
    var timers = anywire.timers(env);
    var recheck = anywire.recheck(env);
    var choice = anywire.choice(env, hooks, settled, recheck.spared);
    var queue = [];
    var worked = '';
    var failures = 0;
    var isAlone = false;
    var isStopped = true;

    function current() { return choice.inUse; }

    function others() { return anywire.without(hooks.names(), choice.inUse.name); }

    // --- starting wires

    function open(name) {
      var a = anywire.attempt(env, server, name, anywire.indexOf(hooks.names(), name), {
        hello: onHello, proven: onProven, overdue: onOverdue, event: onEvent, mute: onMute, ended: onEnded, inUse: current
      });
      recheck.tried(name);
      choice.add(a);
      if (!choice.inUse) { hooks.state('connecting'); }
      a.start();
    }

    function race(first, failed) {
      isAlone = false;
      queue = recheck.order(anywire.without(hooks.names(), failed), first);
      next();
    }

    function next() {
      var name;
      for (name = queue.shift(); name && choice.of(name).length;) { name = queue.shift(); }
      if (name) { open(name); }
      stagger();
    }

    // The next one in line joins in if nothing serves by then.
    function stagger() {
      function join() { if (queue.length && recheck.patienceMs() < 0 && (!choice.inUse || choice.inUse.isOverdue)) { next(); } }
      timers.arm('stagger', join, Math.min(LONGEST_STAGGER_MS, Math.max(STAGGER_MS, 2.5 * server.rttMs)));
    }

    function begin() {
      timers.disarm('wait');
      hooks.boot();
      if (!worked || recheck.isStruck(worked)) {
        race(worked ? '' : hooks.remembered());
        return;
      }
      isAlone = true;
      queue = [];
      if (!choice.of(worked).length) { open(worked); }
      timers.arm('alone', function () { if (!choice.inUse && !timers.isArmed('wait')) { race(''); } }, server.quietMs());
    }

    function wait(ms) {
      timers.disarm('stagger');
      timers.disarm('alone');
      queue = [];
      timers.arm('wait', begin, Math.max(ms, recheck.patienceMs()));
      hooks.state('waiting');
    }

    function backOff() {
      failures += 1;
      wait(anywire.backOffMs(env, failures));
    }

    // --- what wires tell

    function onHello(a, event, isFirst) {
      timers.disarm('wait');
      if (isFirst) { recheck.hello(); }
      hooks.hello(a, event);
      if (!isFirst) { return; }
      choice.settle();
      a.sync();
    }

    function onProven(a) {
      if (!recheck.isStruck(a.name, 1)) { failures = 0; }
      choice.settle();
      hooks.proven(a);
    }

    function onOverdue(a) {
      hooks.attempt(a);
      choice.settle();
      if (a === choice.inUse) { startNext(); }
    }

    function startNext() {
      if (!queue.length) { queue = others(); }
      if (recheck.patienceMs() < 0) { next(); }
    }

    function onEvent(a, event) {
      var word = hooks.event(a, event, a === choice.inUse);
      if (word === 'lost') {
        a.lost[event.channel] = true;
      } else if (word === 'rewind' && !a.lost[event.channel]) {
        a.rewind(event.channel);
      }
      return word === 'deliver' || word === 'gap';
    }

    function onMute(a, why) {
      if (a !== choice.inUse) { return; }
      if (why === 'publish' && hooks.names().length > 1) {
        a.demote();
        startNext();
      } else {
        renew();
      }
    }

    // --- climbing to what is better than the one in use

    function settled(best) {
      timers.disarm('stagger');
      timers.disarm('alone');
      planClimb();
      if (best.isProven) { worked = best.name; queue = []; }
    }

    function planClimb() {
      function isFree(name) { return !choice.of(name).length; }
      timers.disarm('climb');
      if (!choice.inUse) { return; }
      recheck.soonest(anywire.filter(hooks.names().slice(0, choice.inUse.rank), isFree), function (name, ms) {
        timers.arm('climb', function () { if (choice.inUse) { open(name); } planClimb(); }, ms);
      });
    }

    function forget(network) {
      recheck.forget(network);
      planClimb();
    }

    // --- endings

    function onEnded(a, reason) {
      recheck.heed(reason);
      choice.remove(a);
      if (reason.isFinal) {
        stop('closed');
        hooks.denied(reason.error);
        return;
      }
      if (!reason.isAlive) {
        if (a.isHello) { recheck.died(a.name, a.ageMs()); } else { recheck.failed(); }
      }
      choice.settle();
      if (choice.inUse) {
        if (a.isHello) { recheck.hello(); } // another wire lives, so the server does
        if (choice.inUse.isOverdue && recheck.patienceMs() < 0) { standIn(a); }
      } else if (reason.isAlive) {
        answered(a, reason);
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
      } else if (a.name === choice.inUse.name) {
        failures += 1;
        timers.arm('renew', renew, anywire.backOffMs(env, failures));
      }
    }

    function lost(a) {
      worked = a.name;
      if (!recheck.isStruck(a.name)) {
        hooks.state('connecting');
        timers.arm('wait', begin, env.random() * RETRY_JITTER_MS);
        return;
      }
      a.say('flapping');
      hooks.attempt(a);
      worked = '';
      if (failures < FLAPS && hooks.names().length > 1) {
        failures += 1;
        race('');
      } else {
        backOff();
      }
    }

    function failed(a, reason) {
      if (!isAlone && queue.length && reason.why !== 'forbidden') {
        next();
      } else if ((reason.isHidden || reason.isNetwork) && !choice.live.length) {
        server.ask(function (answer) { if (!isStopped && !choice.inUse) { answered(a, answer); } });
      } else if (!isAlone || !choice.live.length || reason.why === 'forbidden') { // else the one that goes alone decides
        answered(a, reason);
      }
    }

    // There is nothing left to try, and *reason* is what a plain request says.
    function answered(a, reason) {
      if (reason.why !== 'ok') { a.say(reason.isNetwork ? 'offline' : reason.why); }
      hooks.attempt(a);
      recheck.heed(reason);
      if (reason.isAlive) {
        wait(0);
      } else if (reason.why === 'forbidden') {
        failures = MANY; // only somebody's action changes it
        backOff();
        hooks.denied(reason.error);
      } else if (isAlone && !reason.isNetwork && !reason.isHidden && hooks.names().length > 1) {
        race('', a.name);
      } else {
        backOff();
      }
    }

    // --- waking and resting

    /** The wire in use may be dead without knowing: a fresh one beside it decides. */
    function renew() {
      if (!choice.inUse || recheck.patienceMs() > 0 || choice.of(choice.inUse.name).length > 1) { return; }
      if (!choice.inUse.isOverdue) {
        choice.inUse.demote();
        choice.inUse.ping();
      }
      queue = others(); // where that one is no longer let through
      open(choice.inUse.name);
      stagger();
    }

    function closeAll(word) {
      queue = [];
      timers.clear();
      choice.closeAll(word);
    }

    function restart() {
      if (isStopped) { return; }
      closeAll('superseded');
      begin();
    }

    function stop(word) {
      isStopped = true;
      closeAll('closed');
      hooks.state(word);
    }

    return {
      start: function () { if (isStopped) { isStopped = false; begin(); } },
      stop: stop,
      /** Begins anew with what is asked for now, such as another token. */
      restart: restart,
      /** The page is back: isStrong where wires may have died unnoticed. */
      wake: function (isStrong) {
        if (isStrong) { forget(); } // the network may be another
        if (choice.inUse) {
          if (isStrong) { timers.arm('renew', renew, BURST_MS); } else { choice.inUse.nudge(); }
        } else if (recheck.patienceMs() < 0 && (isStrong || timers.isArmed('wait'))) {
          failures = 0;
          if (isStrong) { worked = ''; }
          restart();
        }
      },
      /** The set of channels has changed. */
      sync: function () { anywire.each(choice.live, function (a) { if (a.isHello) { a.sync(); } }); },
      /** Something that was published stays without an answer. */
      suspect: function () { if (choice.inUse) { choice.inUse.ping('publish'); } },
      forget: forget,
      current: current
    };
  };
}(anywire));
