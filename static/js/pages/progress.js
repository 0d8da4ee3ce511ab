// The progress page: a file becomes a job, and a job is shown as it goes on, to whoever has its link.
(function (pages) {
  'use strict';
  var t = pages.t;
  var page = pages.block('anywire-page');
  var wire = window.Anywire.connect(page.base);
  var panel = pages.transportPanel();
  var followed = 0;
  var shownId = page.job ? page.job.id : '';
  var file = null;
  var rows = null;

  var view = pages.jobView(cancel);
  var list = pages.jobList(follow, function () { return shownId; });
  var zone = pages.dropZone({
    maxBytes: page.maxBytes,
    sample: page.sample,
    isActive: function () { return pages.isShown(pages.find('begin')); },
    chosen: function (chosen) { file = chosen; }
  });
  var sender = pages.sender(view, list, {began: began, refused: refused, stopped: toStart});

  // --- following

  function showWire() { panel.show(wire, followed === 0 && wire.state !== 'open'); }

  // Counts what is followed: when the last of it has ended, the client lets go of its wire.
  function follow(id, onState, onError) {
    var isOver = false;
    function end() {
      if (!isOver) {
        isOver = true;
        followed -= 1;
        showWire();
      }
    }
    followed += 1;
    showWire();
    return wire.job(id, function (job, event) {
      if (pages.isEnded(job)) { end(); }
      onState(job, event);
    }, function (error) {
      end();
      if (onError) { onError(error); }
    });
  }

  function showJob(job, position) {
    if (!view.show(job, position)) { return; }
    rows.news(job);
    if (pages.isEnded(job)) { ended(job); }
  }

  function ended(job) {
    list.load();
    if (job.unit === 'rows' && job.items > 0) { pages.countBy(job.id, wire.run); }
  }

  function open(id, may) {
    shownId = id;
    pages.show(pages.find('another'), true);
    pages.show(pages.find('copy-link'), true);
    view.use(may);
    rows = pages.jobRows(id);
    pages.setText(pages.find('job-link'), window.location.href.replace(/[?#].*$/, '') + '?job=' + encodeURIComponent(id));
    showParts(true);
  }

  function watch(id) {
    follow(id, function (job, event) { showJob(job, event.position); }, function (error) { view.notice(pages.errorWords(error)); });
  }

  function showParts(isJob) {
    pages.show(pages.find('begin'), !isJob);
    pages.show(pages.find('job'), isJob);
  }

  // --- starting

  function began(id, isUnwanted) {
    open(id, true);
    pages.goTo({job: id});
    pages.fileHead(file, function (names) { pages.keepFields(id, names); });
    watch(id);
    list.load();
    if (isUnwanted) { cancel(); }
  }

  function toStart(text) {
    showParts(false);
    pages.setText(pages.find('title').firstChild, t('Progress'));
    document.title = t('Progress') + ' · Anywire';
    zone.say(text);
    pages.find('start').focus();
  }

  function refused(error) {
    toStart(t('{name} was not imported: {reason}', {name: file.name, reason: pages.uploadWords(error, page.maxBytes)}));
  }

  function start(event) {
    if (!file && !(window.FormData && pages.find('file').files)) { return; } // an engine whose scripts can't read files: its form can
    pages.stop(event);
    if (!file) {
      zone.say(t('Choose a file first.'));
      pages.find('file').focus();
      return;
    }
    showParts(true);
    pages.show(pages.find('another'), false); // leaving would end what is being sent
    pages.setText(pages.find('job-link'), '');
    pages.show(pages.find('copy-link'), false);
    sender.send(file);
    pages.find('title').focus();
  }

  function cancel() {
    if (sender.isSending()) {
      sender.cancel();
      return;
    }
    pages.ask('POST', 'v1/jobs/' + shownId + '/cancel', {}, function (error, answer) {
      if (error) { view.trouble(pages.errorWords(error)); } else { showJob(answer, answer.position); }
    }, function (error) { view.notice(t('Not cancelled yet: {reason}', {reason: pages.errorWords(error)})); });
  }

  wire.on('state', showWire);
  wire.on('transport', showWire);
  wire.on('attempt', showWire);
  wire.on('error', function (error) {
    if (shownId) { view.notice(pages.errorWords(error)); } else { pages.setText(pages.find('jobs-notice'), pages.errorWords(error)); }
  });
  pages.listen(pages.find('import'), 'submit', start);
  pages.copyButton(pages.find('copy-link'), pages.find('job-link'), pages.find('job-copied'));
  pages.listen(document, 'visibilitychange', function () { if (!pages.isPageHidden()) { list.load(); } });

  if (page.job) {
    open(page.job.id, page.isMine);
    showJob(page.job, page.job.position);
    if (!pages.isEnded(page.job)) { watch(page.job.id); }
  }
  if (!page.job || !pages.isEnded(page.job)) { list.load(); }
  showWire();
  pages.takeOver();
}(window.AnywirePages));
