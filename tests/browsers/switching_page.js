// A page whose way to the server changes all the time: it has its box allow and deny transports at random, and keeps
// when each message was delivered and how long each change took. Its query says how many changes, and how fast to talk;
// with none at all it is the page that the others are compared with, until it is told to end.
(function () {
  'use strict';

  var TRANSPORTS = ['websocket', 'sse', 'long-poll', 'short-poll'];
  var SETTLED_MS = 10000; // a change that takes longer has failed
  var REST_MS = 30; // between two changes, and up to as much again at random
  var AFTER_MS = 50; // a gap that begins so long after a change still belongs to it

  function setting(name) { return decodeURIComponent(new RegExp('[?&]' + name + '=([^&]*)').exec(location.search)[1]); }

  var channel = setting('channel');
  var left = +setting('changes');
  var random = seeded(+setting('seed'));
  var talk;
  var timer;
  var change = null;

  var page = window.switching = {deliveries: [], changes: [], stored: 0, errors: [], said: 0, isOver: false, end: rest};
  var wire = Anywire.connect('/');

  function seeded(state) { // Park and Miller's
    return function () {
      state = state * 16807 % 2147483647;
      return state / 2147483647;
    };
  }

  function publish() {
    wire.publish(channel, {text: 'page ' + page.said}, function (error) {
      if (error) { page.errors.push(error.code); } else { page.stored += 1; }
    });
    page.said += 1;
  }

  function rest() {
    clearInterval(talk);
    page.isOver = true;
  }

  // Of one clock for all pages.
  function nowMs() { return performance.timeOrigin + performance.now(); }

  function tell(level, done) {
    var xhr = new XMLHttpRequest();
    xhr.onload = done;
    xhr.open('GET', '/box/allow/' + level + '?_=' + Math.random());
    xhr.send();
  }

  function begin() {
    var from = TRANSPORTS.indexOf(wire.transport);
    var to = Math.floor(random() * 3);
    if (!left) { page.end(); return; }
    left -= 1;
    to += to >= from ? 1 : 0;
    change = {from: wire.transport, to: TRANSPORTS[to], startMs: nowMs()};
    timer = setTimeout(end, SETTLED_MS);
    tell(to, function () {
      if (to < from) { window.dispatchEvent(new Event('online')); } // as a browser does in another network
    });
  }

  function end() {
    clearTimeout(timer);
    change.endMs = nowMs();
    change.isDone = wire.transport === change.to;
    if (!change.isDone) {
      page.errors.push(change.from + ' to ' + change.to + ' came to ' + wire.transport + ' ' + wire.state);
      left = 0;
    }
    page.changes.push(change);
    change = null;
    setTimeout(begin, AFTER_MS + REST_MS * (1 + random()));
  }

  wire.on('transport', function (name) { if (change && name === change.to) { end(); } });
  wire.on('gap', function () { page.errors.push('gap'); });
  wire.on('error', function (error) { page.errors.push(error.code); });
  wire.subscribe(channel, {after: '0'}, function (event) {
    if (event.type === 'message') { page.deliveries.push([nowMs(), event.offset, event.data.text]); }
  });
  talk = setInterval(publish, +setting('every'));
  if (left) { setTimeout(begin, 500); }
}());
