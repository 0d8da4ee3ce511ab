// The chat room: what comes over the wire goes into the timeline, what is typed goes out. The list never has a hole:
// where messages are missing in between, it starts again with the newest ones, and older pages load on demand.
(function (pages) {
  'use strict';
  var t = pages.t;
  var HISTORY = 50; // a screen and a half, in one answer
  var MOST_ITEMS = 500; // more make old engines slow; what is taken away at the top can be loaded again
  var ITEMS_KEPT = 400; // so that it isn't done again for each message
  var QUIET_MS = 250; // no message for so long: the replay is over
  var REPLAY_MS = 2000; // and after this, whatever comes is live talk in a busy room

  var page = pages.block('anywire-page');
  var channel = page.channel;
  var wire = null;
  var isClosed = false;
  var isLoading = false;
  var hasJoined = false;
  var hasTakenOver = false;
  var lastPosition = null; // where to go on after a disconnect
  var replayTimer = null;
  var replayEndMs = 0;
  var noted = '';
  var unread = 0;
  var title = document.title;

  var log = pages.find('log');
  var older = pages.find('older');
  var empty = pages.find('empty');
  var notice = pages.find('notice');
  var toggle = pages.find('connect');

  var timeline = pages.timeline(pages.find('messages'), isMine);
  var follow = pages.follow(log, pages.find('below'), loadOlder);
  var panel = pages.transportPanel();
  var sending = pages.sending(channel, timeline, {
    canSend: function () {
      if (isClosed) { pages.setText(notice, t('You are disconnected. Connect first, and this can be sent.')); }
      return !isClosed;
    },
    sent: function () {
      pages.setText(notice, '');
      follow.toEnd();
    },
    changed: function () {
      follow.added(false);
      changed();
    }
  });
  var ownName = pages.ownName(function (name, callback) { wire.rename(name, callback); });

  function isMine(user) {
    return !!(user && wire && wire.user && user.id === wire.user.id);
  }

  function changed() {
    var first = timeline.first();
    pages.show(older, !!first && older.getAttribute('data-more') !== 'no' && first.getAttribute('data-offset') !== '1');
    var isEmpty = hasJoined && replayTimer === null && timeline.isEmpty();
    pages.setText(empty, isEmpty ? t('Nothing has been said here yet. Write the first line.') : ''); // some browsers show what is hidden
    pages.show(empty, isEmpty);
  }

  function countUnread() {
    unread = pages.isPageHidden() ? unread + 1 : 0;
    document.title = unread ? '(' + unread + ') ' + title : title;
  }

  // --- what comes in

  function note(text, kind) {
    timeline.note(text, kind);
    follow.added(false);
  }

  function replayOver() {
    replayTimer = null;
    log.removeAttribute('aria-busy');
    if (!hasJoined) {
      hasJoined = true;
      note(t('You joined {room} as {name}.', {room: page.room, name: (wire.user && wire.user.name) || '?'}), 'joined');
      noteConnection();
    }
    changed();
  }

  // A replay ends without a mark of its own; until it does, a screen reader must not read all of it.
  function replaying() {
    var leftMs = replayEndMs - new Date().getTime();
    clearTimeout(replayTimer);
    log.setAttribute('aria-busy', 'true');
    replayTimer = setTimeout(replayOver, Math.max(0, Math.min(QUIET_MS, leftMs)));
  }

  function startAgain() {
    timeline.clear();
    older.setAttribute('data-more', 'yes');
    follow.reset();
    follow.toEnd();
  }

  function onMessage(message) {
    var mine = isMine(message.user);
    if (timeline.lastOffset() !== null && message.offset > timeline.lastOffset() + 1) { startAgain(); }
    if (!timeline.append(message)) { return; }
    lastPosition = message.position;
    if (replayTimer !== null) { replaying(); } else if (!mine) { countUnread(); }
    follow.added(!mine);
    changed();
  }

  // A page from the browser's cache may hold what was said in an earlier life of the log.
  function isOfAnotherLog(position) {
    var first = timeline.first();
    return !!first && first.getAttribute('data-position').split('-')[0] !== position.split('-')[0];
  }

  function onEvent(event) {
    if (event.type === 'message') {
      onMessage(event);
    } else if (event.type === 'subscribed') {
      if (isOfAnotherLog(event.position)) { startAgain(); }
      if (event.recovered === false) {
        startAgain();
        note(t('Some messages in between are no longer kept.'), 'gap');
      }
      replayEndMs = new Date().getTime() + REPLAY_MS;
      replaying();
    } else if (event.type === 'error') {
      pages.setText(notice, pages.errorWords(event));
    }
  }

  // --- older messages

  function loadOlder() {
    var first = timeline.first();
    if (isLoading || !first || isClosed || !pages.isShown(older)) { return; }
    isLoading = true;
    pages.setText(older, t('Loading…'));
    log.setAttribute('aria-busy', 'true');
    wire.history(channel, first.getAttribute('data-position'), HISTORY, function (error, answer) {
      isLoading = false;
      pages.setText(older, t('Load earlier messages'));
      log.removeAttribute('aria-busy');
      if (error) {
        pages.setText(notice, t('Earlier messages could not be loaded: {reason}', {reason: pages.errorWords(error)}));
        return;
      }
      pages.setText(notice, '');
      if (timeline.first() !== first) { return; } // the list was replaced or cut meanwhile
      older.setAttribute('data-more', answer.more && answer.messages.length ? 'yes' : 'no');
      var hadFocus = document.activeElement === older; // asked first: a button that is hidden loses it
      follow.keep(function () { timeline.prepend(answer.messages); changed(); });
      if (hadFocus && !pages.isShown(older)) { log.focus(); }
    });
  }

  // --- the connection

  function noteConnection() {
    var now = wire.state === 'open' && wire.transport ? 'open ' + wire.transport : wire.state;
    if (!hasJoined || now === noted || now === 'open') { return; }
    if (wire.state === 'open') {
      note(t('Connected by {transport}.', {transport: pages.transportName(wire.transport)}), 'connection');
    } else if (wire.state === 'closed') {
      note(t('Disconnected.'), 'connection');
    } else if (noted.indexOf('open') === 0) {
      note(t('Connection lost, trying again.'), 'connection');
    } else {
      return; // the first connection is under way, or the loss has been told already
    }
    noted = now;
  }

  function onWire() {
    panel.show(wire);
    noteConnection();
    pages.setText(toggle, isClosed ? t('Connect') : t('Disconnect'));
  }

  function takeOver() {
    hasTakenOver = true;
    pages.takeOver();
    timeline.adopt();
    follow.toEnd();
  }

  function connect() {
    isClosed = false;
    wire = window.Anywire.connect(page.base);
    wire.on('state', onWire);
    wire.on('transport', onWire);
    wire.on('attempt', function () { panel.show(wire); });
    wire.on('user', function (user) { ownName.show(user); });
    wire.on('error', function (error) { pages.setText(notice, pages.errorWords(error)); });
    if (!hasTakenOver) { takeOver(); }
    sending.use(wire);
    wire.subscribe(channel, lastPosition ? {after: lastPosition} : {history: HISTORY}, onEvent);
    onWire();
  }

  function disconnect() {
    isClosed = true;
    wire.close();
    onWire();
  }

  follow.onSettled(function () {
    if (timeline.size() > MOST_ITEMS && timeline.trim(ITEMS_KEPT)) {
      older.setAttribute('data-more', 'yes');
      changed();
    }
  });
  pages.listen(older, 'click', loadOlder);
  pages.listen(toggle, 'click', function () { if (isClosed) { connect(); } else { disconnect(); } });
  pages.listen(document, 'visibilitychange', function () {
    if (!pages.isPageHidden()) {
      unread = 0;
      document.title = title;
    }
  });
  connect();
}(window.AnywirePages));
