// The badge that names the transport in use, and the panel behind it that says why it is this one.
(function (pages) {
  'use strict';
  var t = pages.t;
  var ESCAPE = 27;
  var names = {
    'websocket': 'WebSocket',
    'sse': 'SSE',
    'long-poll': t('long polling'),
    'short-poll': t('short polling')
  };

  // In the operator's order of preference.
  var offered = [];
  (function () {
    var transports = pages.block('anywire-offer').transports || [];
    for (var i = 0; i < transports.length; i += 1) { offered.push(transports[i].name); }
  }());

  var states = {
    connecting: t('connecting…'),
    waiting: t('trying again…'),
    closed: t('disconnected'),
    resting: t('idle')
  };

  // What each verdict code says: [words], or where it may come with a time [words, the attempt's field, words with {time}].
  var verdicts = pages.block('anywire-verdicts');

  // In the order in which they come; others are left to the text for passing on.
  var phases = {
    open: function (time) { return t('opened after {time}', {time: time}); },
    hello: function (time) { return t('answered after {time}', {time: time}); },
    proven: function (time) { return t('proven after {time}', {time: time}); }
  };

  pages.transportName = function (transport) {
    return names[transport] || transport;
  };

  function inUnits(ms) {
    var seconds = ms / 1000;
    if (ms < 1000) { return t('{ms} ms', {ms: Math.round(ms)}); }
    if (seconds < 60) { return t('{count} s', {count: Math.round(seconds * 10) / 10}); }
    return t('{minutes} min {seconds} s', {minutes: Math.floor(seconds / 60), seconds: Math.floor(seconds % 60)});
  }

  // A number stays on one line with its unit.
  function span(ms) { return inUnits(ms).replace(/ /g, '\u00a0'); }

  function codeOf(attempt) {
    return String(attempt.verdict || '').replace(/^(websocket|sse|long-poll|short-poll)\./, '');
  }

  // An unknown code is shown as it is.
  function wordsOf(attempt) {
    var code = codeOf(attempt);
    return verdicts.hasOwnProperty(code) ? verdicts[code] : [code || t('being tried…')];
  }

  function isMeasured(attempt) {
    var words = wordsOf(attempt);
    return words.length > 1 && attempt[words[1]] > 0;
  }

  /** The verdict in words, with the time that belongs to it. */
  pages.verdictWords = function (attempt) {
    var words = wordsOf(attempt);
    return isMeasured(attempt) ? words[2].replace('{time}', span(attempt[words[1]])) : words[0];
  };

  function works(attempt) {
    return /^(ok|usable|slower|superseded)$/.test(codeOf(attempt));
  }

  function forced() {
    var match = /[?&]transport=([a-z-]+)/.exec(window.location.search);
    return match && names[match[1]] ? match[1] : '';
  }

  function isOffered(transport) {
    var offered = pages.block('anywire-offer').transports || [];
    for (var i = 0; i < offered.length; i += 1) {
      if (offered[i].name === transport) { return true; }
    }
    return false;
  }

  // The last attempt with *transport* that has come to a verdict tells its present condition.
  function lastAttempt(wire, transport) {
    var attempts = wire.attempts || [];
    for (var i = attempts.length - 1; i >= 0; i -= 1) {
      if (attempts[i].transport === transport && attempts[i].verdict) { return attempts[i]; }
    }
    return null;
  }

  /** One or two sentences: which transport, and why not a better one. */
  pages.whyThisTransport = function (wire, isResting) {
    var inUse = wire.transport;
    var said = [];
    if (isResting) { return t('Nothing can come in on this page just now, so it holds no connection open.'); }
    if (wire.state !== 'open' || !inUse) {
      return wire.state === 'closed' ? t('This page is disconnected.') :
        t('No connection at the moment; this page goes on trying.');
    }
    if (forced()) {
      return t('This page uses {transport}, because its address asks for it.', {transport: names[forced()]});
    }
    for (var i = 0; i < offered.length && offered[i] !== inUse; i += 1) {
      var attempt = lastAttempt(wire, offered[i]);
      if (attempt && !works(attempt)) {
        said.push(t('{transport}: {reason}.', {
          transport: names[offered[i]], reason: pages.verdictWords(attempt)
        }));
      }
    }
    if (inUse === 'websocket' && offered[0] === inUse) { return t('WebSocket works from here, and nothing is faster.'); }
    said.unshift(t('This page uses {transport}.', {transport: names[inUse] || inUse}));
    if (said.length === 1) { said.push(t('It is the best one that answered.')); }
    return said.join(' ');
  };

  // Until it answered, or if it failed, until that was certain; a time that its verdict names is enough.
  function durationMs(attempt) {
    var end = works(attempt) && attempt.helloMs !== undefined ? attempt.helloMs : attempt.endedMs;
    return end === undefined || isMeasured(attempt) ? null : end - attempt.startedMs;
  }

  function phaseWords(attempt) {
    var reached = attempt.phases || {};
    var said = [t('started at {time}', {time: span(attempt.startedMs)})];
    for (var name in phases) {
      if (phases.hasOwnProperty(name) && reached[name] !== undefined) { said.push(phases[name](span(reached[name] - attempt.startedMs))); }
    }
    if (attempt.endedMs !== undefined) { said.push(t('ended after {time}', {time: span(attempt.endedMs - attempt.startedMs)})); }
    return said;
  }

  function attemptItem(attempt) {
    var item = pages.make('li', works(attempt) ? 'worked' : (attempt.verdict ? 'failed' : 'running'));
    var took = durationMs(attempt);
    item.appendChild(pages.make('strong', '', pages.transportName(attempt.transport)));
    item.appendChild(document.createTextNode(' ' + pages.verdictWords(attempt)));
    if (took !== null) { item.appendChild(pages.make('span', 'took', ' ' + span(took))); }
    item.appendChild(pages.make('span', 'phases', ' ' + phaseWords(attempt).join(' · ')));
    return item;
  }

  pages.listAttempts = function (list, wire) {
    var attempts = wire.attempts || [];
    pages.setText(list, '');
    for (var i = 0; i < attempts.length; i += 1) { list.appendChild(attemptItem(attempts[i])); }
  };

  function padded(text, width) {
    while (text.length < width) { text += ' '; }
    return text;
  }

  // One line of plain text, in English: whoever it is passed on to may read another language than this visitor.
  function reportLine(attempt) {
    var facts = ['started ' + Math.round(attempt.startedMs) + ' ms'];
    var reached = attempt.phases || {};
    for (var name in reached) {
      if (reached.hasOwnProperty(name)) { facts.push(name + ' ' + Math.round(reached[name]) + ' ms'); }
    }
    if (attempt.endedMs !== undefined) { facts.push('ended ' + Math.round(attempt.endedMs) + ' ms'); }
    if (attempt.cutMs !== undefined) { facts.push('cut after ' + Math.round(attempt.cutMs) + ' ms'); }
    if (attempt.delayMs !== undefined) { facts.push('late by ' + Math.round(attempt.delayMs) + ' ms'); }
    return padded(attempt.transport, 10) + '  ' + padded(codeOf(attempt) || 'trying', 14) + '  ' + facts.join(', ');
  }

  function report(wire) {
    var attempts = wire.attempts || [];
    var lines = [
      'transport: ' + (wire.transport || '-') + ', state: ' + wire.state + (forced() ? ', forced' : ''),
      'page: ' + window.location.href.replace(/[?#].*$/, ''),
      'browser: ' + window.navigator.userAgent,
      'time: ' + new Date().toISOString()
    ];
    for (var i = 0; i < attempts.length; i += 1) { lines.push(reportLine(attempts[i])); }
    return lines.join('\n');
  }

  /**
   * The badge and panel of this page; call show(wire, isResting) whenever something about the wire changed. A page that
   * follows nothing just now is resting.
   */
  pages.transportPanel = function () {
    var badge = pages.find('transport');
    var panel = pages.find('transport-panel');
    var reportNode = pages.find('transport-report');
    var current = null;
    var isAtRest = false;
    var shown = '';

    function fill() {
      var text = current ? isAtRest + report(current).replace(/\ntime: .*/, '') : '';
      if (!current || text === shown) { return; } // left alone, or a selection in it would be lost
      shown = text;
      pages.setText(pages.find('transport-why'), pages.whyThisTransport(current, isAtRest));
      pages.listAttempts(pages.find('transport-attempts'), current);
      pages.setText(reportNode, report(current));
    }

    function open(isOpen) {
      badge.setAttribute('aria-expanded', String(isOpen));
      if (isOpen) { fill(); }
      pages.show(panel, isOpen);
      if (isOpen) { pages.find('transport-title').focus(); } else { badge.focus(); }
    }

    function isOpen() { return pages.isShown(panel); }

    function onKey(event) {
      if (event.keyCode === ESCAPE && isOpen()) { open(false); }
    }

    pages.listen(badge, 'click', function () { open(!isOpen()); });
    pages.listen(pages.find('transport-close'), 'click', function () { open(false); });
    pages.listen(panel, 'keydown', onKey);
    pages.listen(badge, 'keydown', onKey);
    pages.copyButton(pages.find('transport-copy'), reportNode, pages.find('transport-copied'));

    var links = panel.getElementsByTagName('a');
    for (var i = 0; i < links.length; i += 1) {
      var force = links[i].getAttribute('data-force');
      if (force === forced()) { links[i].setAttribute('aria-current', 'true'); }
      pages.show(links[i].parentNode, !force || isOffered(force));
    }

    return {
      show: function (wire, isResting) {
        var state = isResting ? 'resting' : wire.state;
        current = wire;
        isAtRest = !!isResting;
        badge.setAttribute('data-state', state);
        badge.setAttribute('data-transport', wire.transport || '');
        pages.setText(pages.find('transport-name'),
          state === 'open' && wire.transport ? pages.transportName(wire.transport) : states[state] || state);
        if (isOpen()) { fill(); }
      }
    };
  };
}(window.AnywirePages));
