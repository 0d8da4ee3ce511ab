// The form for a new vote. What is sent carries an id, so that a second click or a second try makes no second vote.
(function (pages) {
  'use strict';
  var t = pages.t;
  var YEAR_MS = 366 * 86400000; // the server's limit
  var page = pages.block('anywire-page');
  var form = pages.find('new-vote');
  var question = pages.find('question');
  var make = pages.find('make');
  var said = pages.find('make-said');
  var choices = pages.choiceFields(page.limits);
  var closing = pages.closingTime();
  var sent = null; // {id, text} of what was last sent

  function say(id, text) { pages.setText(pages.find(id), text); }

  function areDistinct(values) {
    var seen = {};
    for (var i = 0; i < values.length; i += 1) {
      var key = ' ' + values[i].replace(/\s+/g, ' ');
      if (seen.hasOwnProperty(key)) { return false; }
      seen[key] = true;
    }
    return true;
  }

  // Says all that is wrong and goes to the first of it.
  function check(vote) {
    var now = new Date().getTime();
    var isTimed = vote.closes !== null;
    var faults = [
      {id: 'question-notice', text: vote.question ? '' : t('What is the question?'), focus: function () { question.focus(); }},
      {id: 'choices-notice', text: vote.choices.length < page.limits.least ? t('There have to be two choices at least.') :
        areDistinct(vote.choices) ? '' : t('Two of the choices say the same.'), focus: choices.focusFault},
      {id: 'closing-notice', text: isTimed && !(vote.closes > now && vote.closes < now + YEAR_MS) ?
        t('The closing time has to lie ahead, within a year.') : '', focus: closing.focus}
    ];
    var first = null;
    for (var i = 0; i < faults.length; i += 1) {
      say(faults[i].id, faults[i].text);
      if (faults[i].text && !first) { first = faults[i]; }
    }
    question.setAttribute('aria-invalid', String(!vote.question));
    if (first) { first.focus(); }
    return !first;
  }

  function busy(isBusy) {
    make.disabled = isBusy;
    pages.setText(make, isBusy ? t('Starting…') : t('Start the vote'));
  }

  function submit(event) {
    var vote = {
      question: question.value.replace(/^\s+|\s+$/g, ''), choices: choices.values(), multiple: pages.find('multiple').checked,
      closes: closing.value()
    };
    pages.stop(event);
    if (make.disabled || !check(vote)) { return; }
    busy(true);
    say('make-notice', '');
    // Relative closing times differ at each click: the same form within a try is the same vote.
    var text = JSON.stringify([vote.question, vote.choices, vote.multiple, pages.find('closing').value, pages.find('closing-time').value]);
    if (!sent || sent.text !== text) { sent = {id: pages.newId(), text: text, closes: vote.closes}; }
    vote.id = sent.id;
    vote.closes = sent.closes;
    if (vote.closes === null) { delete vote.closes; }
    pages.ask('POST', 'v1/votes', vote, function (error, answer) {
      if (error) {
        busy(false);
        sent = null;
        pages.setText(said, '');
        say('make-notice', t('The vote was not started: {reason}', {reason: pages.errorWords(error)}));
      } else {
        // A transport that is forced stays forced.
        var forced = /[?&](transport=[a-z-]+)/.exec(window.location.search);
        window.location.href = page.base + 'vote/' + encodeURIComponent(answer.id) + (forced ? '?' + forced[1] : '');
      }
    }, function (error) {
      pages.setText(said, t('{reason}; trying again', {reason: pages.errorWords(error)}));
    });
  }

  pages.listen(form, 'submit', submit);
  pages.listen(question, 'input', function () { question.removeAttribute('aria-invalid'); });
  pages.listen(form, 'keydown', function (event) {
    if (event.keyCode === 13 && (event.ctrlKey || event.metaKey)) { submit(event); }
  });
  pages.listen(window, 'pageshow', function (event) {
    if (event.persisted) { // gone back to: another press makes another vote
      sent = null;
      busy(false);
    }
  });
  pages.takeOver();
}(window.AnywirePages));
