// Which of the live wires is in use: the first that says hello, then any better one that has proven itself.
// All of them deliver, filtered by position, so a change of the wire in use is not an event for the page.
(function (anywire) {
  'use strict';

  var LINGER_MS = 2000; // a wire that was in use stays so long beside its better successor, should that one flap

  /**
   * hooks: use(a), state(word), attempt(a). settled(a): *a* is in use and not doubtful, so nothing else need be started.
   * spared(name): one of them is let go for a better one.
   */
  anywire.choice = function (env, hooks, settled, spared) {
    var timers = anywire.timers(env);
    var choice = {live: [], inUse: null, settle: settle};

    /** Those of the transport *name*. */
    choice.of = function (name) {
      return anywire.filter(choice.live, function (a) { return a.name === name; });
    };

    choice.add = function (a) {
      choice.live = choice.live.concat(a);
      hooks.attempt(a);
    };

    /** It has ended. */
    choice.remove = function (a) {
      choice.live = anywire.without(choice.live, a);
      hooks.attempt(a);
      if (a === choice.inUse) { choice.inUse = null; }
    };

    choice.closeAll = function (word) {
      var all = choice.live;
      choice.live = [];
      choice.inUse = null;
      timers.clear();
      anywire.each(all, function (a) { close(a, word); });
    };

    // *b* is in use: what is doubtful yields to anything, what is proven only to a better one that is proven too.
    function isBetter(a, b) {
      return a.isOverdue !== b.isOverdue ? b.isOverdue : a.rank < b.rank && (a.isProven || !b.isProven);
    }

    function settle() {
      var best = choice.inUse;
      anywire.each(choice.live, function (a) { if (a.isHello && (!best || isBetter(a, best))) { best = a; } });
      if (best && best !== choice.inUse) { use(best); }
      if (!best || best.isOverdue) { return; }
      if (best.isProven) {
        anywire.each(choice.live, function (a) {
          if (a === best || a.rank < best.rank) { return; }
          // One that was in use stands by for a moment, should its better successor flap.
          if (a.wasUsed && a.isProven) { timers.arm('linger', settle, LINGER_MS); } else { drop(a); }
          a.wasUsed = false;
        });
      }
      settled(best);
    }

    function use(a) {
      choice.inUse = a;
      a.wasUsed = true;
      anywire.each(anywire.keys(a.lost), a.rewind);
      a.lost = {};
      if (a.isProven) { a.nudge(); } // one that stood by may rest between two polls
      hooks.use(a);
      hooks.state('open');
    }

    function drop(a) {
      choice.live = anywire.without(choice.live, a);
      spared(a.name);
      close(a, a.isHello ? 'superseded' : 'slower');
    }

    function close(a, word) {
      a.close(word);
      hooks.attempt(a);
    }

    return choice;
  };
}(anywire));
