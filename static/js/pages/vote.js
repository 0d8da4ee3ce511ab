// A vote's page: the own ballot goes out as a request, everybody's come in over the wire.
(function (pages) {
  'use strict';
  var t = pages.t;
  var KEYS_REST_MS = 700; // arrow keys pass over choices: the one that they rest on counts
  var SAY_MS = 20000; // how often a screen reader hears of others
  var page = pages.block('anywire-page');
  var vote = page.vote;
  var path = 'v1/votes/' + encodeURIComponent(vote.id);
  var wire = window.Anywire.connect(page.base);
  var panel = pages.transportPanel();
  var tally = pages.tally();
  var form = pages.find('ballot');
  var notice = pages.find('vote-notice');
  var said = pages.find('vote-said');
  var inputs = pages.find('choices').getElementsByTagName('input');
  var items = pages.find('choices').getElementsByTagName('li');
  var subscription = null;
  var keyTimer = null;
  var isByKey = false;
  var saidMs = 0;
  var asked = 0;

  function isDone() { return !vote.open; }

  // --- how it stands

  function show(state, position) {
    var before = vote;
    if (!tally.show(state, position)) { return; }
    vote = state;
    if (before.open && !state.open) { closed(); }
    tellOthers(before);
  }

  function closed() {
    pages.setText(said, t('The vote is closed.') + ' ' + pages.votersWords(vote.voters));
    letGo();
  }

  // Once it is closed nothing more can come.
  function letGo() {
    for (var i = 0; i < inputs.length; i += 1) { inputs[i].disabled = true; }
    pages.show(pages.find('withdraw'), false);
    if (pages.find('closing')) { pages.show(pages.find('closing'), false); }
    if (subscription) { subscription.unsubscribe(); }
    subscription = null;
    showWire();
  }

  function tellOthers(before) {
    var now = new Date().getTime();
    if (vote.open && vote.voters !== before.voters && now - saidMs > SAY_MS) {
      saidMs = now;
      pages.setText(said, pages.votersWords(vote.voters));
    }
  }

  // --- the own ballot

  function names(choices) {
    var texts = [];
    for (var i = 0; i < choices.length; i += 1) { texts.push(vote.choices[choices[i]]); }
    return texts.join(', ');
  }

  function contains(choices, number) {
    for (var i = 0; i < choices.length; i += 1) {
      if (choices[i] === number) { return true; }
    }
    return false;
  }

  function ownWords(choices, state, error) {
    if (state === 'refused') { return t('Your vote was not counted: {reason}', {reason: pages.errorWords(error)}); }
    if (state === 'sending') { return choices.length ? t('Sending your vote for {choice}…', {choice: names(choices)}) : t('Taking your vote back…'); }
    if (state === 'counted') { return t('Your vote for {choice} is counted.', {choice: names(choices)}); }
    return '';
  }

  function showOwn(choices, state, error) {
    var words = ownWords(choices, state, error);
    for (var i = 0; i < items.length; i += 1) {
      var isMine = contains(choices, i);
      var mark = items[i].querySelector('.own');
      inputs[i].checked = isMine;
      pages.setClass(items[i], 'mine', isMine);
      pages.setClass(items[i], 'sending', isMine && state === 'sending');
      pages.show(mark, isMine);
      pages.setText(mark, !isMine ? '' : state === 'sending' ? t('sending…') : t('your vote')); // some browsers show what is hidden
    }
    pages.find('ballot').setAttribute('data-own', state);
    pages.setText(pages.find('own-state'), state === 'refused' ? '' : words);
    pages.setText(notice, state === 'refused' ? words : '');
    if (state === 'counted' || state === 'sending') { pages.setText(said, words); }
    pages.show(pages.find('withdraw'), choices.length > 0 && !isDone() && !vote.multiple);
  }

  // Some browsers and some networks know GET and POST alone; the page's own form is such a POST.
  function isForForm(error) { return !!error && /^(method-not-allowed|http-405|http-501)$/.test(error.code); }

  function sendForm(choices) {
    var action = pages.make('input');
    action.setAttribute('type', 'hidden');
    action.setAttribute('name', 'do');
    action.setAttribute('value', choices.length ? 'vote' : 'withdraw');
    form.appendChild(action);
    form.submit();
  }

  function send(choices, done) {
    var asking = pages.ask('PUT', path + '/ballot', {choices: choices}, function (error, answer) {
      if (isForForm(error)) { sendForm(choices); } else { done(error, answer); }
    }, function (error) {
      if (isForForm(error)) {
        asking.stop();
        sendForm(choices);
      } else {
        pages.setText(notice, t('Your vote is not counted yet: {reason}. This page goes on trying.', {reason: pages.errorWords(error)}));
      }
    });
  }

  var ballot = pages.ballot({
    key: 'anywire:ballot:' + vote.id,
    send: send,
    show: showOwn,
    counted: function (answer) { show(answer, answer.position); }
  }, vote.mine);

  function chosen() {
    var choices = [];
    for (var i = 0; i < inputs.length; i += 1) {
      if (inputs[i].checked) { choices.push(i); }
    }
    return choices;
  }

  function choose() {
    clearTimeout(keyTimer);
    keyTimer = null;
    isByKey = false;
    pages.setText(notice, '');
    ballot.choose(chosen());
  }

  function onChange() {
    clearTimeout(keyTimer);
    if (isByKey && !vote.multiple) {
      keyTimer = setTimeout(choose, KEYS_REST_MS);
    } else {
      choose();
    }
  }

  function onKey(event) {
    isByKey = event.keyCode >= 37 && event.keyCode <= 40;
    if (event.keyCode === 13) {
      pages.stop(event);
      if (keyTimer !== null) { choose(); }
    }
  }

  // --- closing

  function askWhetherSure(isAsking) {
    pages.show(pages.find('close-sure'), isAsking);
    pages.show(pages.find('close'), !isAsking);
    pages.find(isAsking ? 'close-yes' : 'close').focus();
  }

  function close() {
    var yes = pages.find('close-yes');
    yes.disabled = true;
    pages.setText(yes, t('closing…'));
    pages.ask('POST', path + '/close', {}, function (error, answer) {
      yes.disabled = false;
      pages.setText(yes, t('Close it'));
      if (error) {
        pages.setText(pages.find('close-said'), pages.errorWords(error));
      } else {
        show(answer, answer.position);
        pages.find('question').focus();
      }
    }, function (error) { pages.setText(pages.find('close-said'), t('{reason}; trying again', {reason: pages.errorWords(error)})); });
  }

  // --- the wire

  function showWire() { panel.show(wire, !subscription && wire.state !== 'open'); }

  function onEvent(event) {
    if (event.type === 'state') { show(event.data, event.position); }
    if (event.type === 'error') { pages.setText(notice, pages.errorWords(event)); }
  }

  // Another tab may have voted meanwhile.
  function look() {
    var mine = asked += 1;
    if (isDone() || ballot.isBusy() || pages.isPageHidden()) { return; }
    pages.ask('GET', path, null, function (error, answer) {
      if (error || mine !== asked) { return; }
      ballot.learn(answer.mine);
      show(answer, answer.position);
    });
  }

  wire.on('state', showWire);
  wire.on('transport', showWire);
  wire.on('attempt', showWire);
  wire.on('error', function (error) { pages.setText(notice, pages.errorWords(error)); });
  if (vote.open) { subscription = wire.subscribe('vote:' + vote.id, {}, onEvent); }
  tally.show(vote, vote.position);
  if (!vote.open) { letGo(); }
  showWire();

  pages.listen(pages.find('ballot'), 'submit', pages.stop);
  pages.listen(pages.find('choices'), 'keydown', onKey);
  pages.listen(pages.find('choices'), 'mousedown', function () { isByKey = false; });
  for (var i = 0; i < inputs.length; i += 1) { pages.listen(inputs[i], 'change', onChange); }
  pages.listen(pages.find('withdraw'), 'click', function () {
    ballot.choose([]);
    inputs[0].focus();
  });
  pages.setText(pages.find('link'), window.location.href.replace(/[?#].*$/, ''));
  pages.copyButton(pages.find('copy-link'), pages.find('link'), pages.find('copied'));
  if (pages.find('closing')) {
    pages.listen(pages.find('close'), 'click', function () { askWhetherSure(true); });
    pages.listen(pages.find('close-no'), 'click', function () { askWhetherSure(false); });
    pages.listen(pages.find('close-yes'), 'click', close);
  }
  pages.listen(document, 'visibilitychange', look);
  pages.listen(window, 'pagehide', function () { if (keyTimer !== null) { choose(); } });
  pages.takeOver();
}(window.AnywirePages));
