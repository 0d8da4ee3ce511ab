// The visitor's own ballot: shown at once as sent, then confirmed by the answer, and never by anything else: the tally that
// everybody sees doesn't say whose votes it counts. One ballot is on its way at a time; of two clicks the later one counts,
// and a reload sends again what was not confirmed.
(function (pages) {
  'use strict';

  function same(a, b) { return a.join() === b.join(); }

  /**
   * host: key (where to keep what is unconfirmed), send(choices, done(error, answer)), show(choices, state, error) with the
   * state 'none', 'sending', 'counted' or 'refused', counted(answer). *mine*: what the server has counted.
   */
  pages.ballot = function (host, mine) {
    var counted = mine;
    var wanted = null; // what the visitor wants, while that is not counted
    var sent = null; // what is on its way

    function storage() {
      try { return window.sessionStorage; } catch (forbidden) { return null; }
    }

    function keep() {
      try {
        if (wanted) { storage().setItem(host.key, JSON.stringify(wanted)); } else { storage().removeItem(host.key); }
      } catch (none) { /* then a reload before the answer loses the click */ }
    }

    function kept() {
      try { return JSON.parse(storage().getItem(host.key)); } catch (none) { return null; }
    }

    function show(error) {
      var state = error ? 'refused' : wanted ? 'sending' : counted.length ? 'counted' : 'none';
      host.show(wanted || counted, state, error);
    }

    function answered(error, answer) {
      var isLast = same(sent, wanted);
      sent = null;
      if (!error) {
        counted = answer.mine;
        host.counted(answer);
      }
      if (!isLast && !(error && error.code === 'vote-closed')) {
        send();
        return;
      }
      wanted = null;
      keep();
      show(error);
    }

    function send() {
      sent = wanted;
      show();
      host.send(sent, answered);
    }

    var unconfirmed = kept();
    if (unconfirmed && !same(unconfirmed, counted)) {
      wanted = unconfirmed;
      send();
    } else {
      keep();
      show();
    }

    return {
      choose: function (choices) {
        wanted = choices;
        keep();
        if (sent) { show(); } else { send(); }
      },
      /** What an answer to another question says of the own ballot: of use only while none is on its way. */
      learn: function (choices) {
        if (!wanted) {
          counted = choices;
          show();
        }
      },
      isBusy: function () { return !!wanted; }
    };
  };
}(window.AnywirePages));
