// Stands in for the client library, so that a test decides what the wire brings: fake.bring(event), fake.become(state,
// transport), fake.settle(index, error, receipt) for the publishes in fake.sent, fake.answers for history.
(function () {
  'use strict';
  var listeners = {};
  var fake = {sent: [], asked: [], answers: [], pendingNow: []};
  var wire = {
    transport: null, state: 'connecting', user: {id: 'u_me', name: 'Me'}, attempts: [],
    on: function (name, fn) { (listeners[name] = listeners[name] || []).push(fn); return function () {}; },
    subscribe: function (channel, options, fn) { fake.options = options; fake.bring = fn; return {unsubscribe: function () {}}; },
    publish: function (channel, data, fn) {
      var id = 'id-' + fake.sent.length;
      fake.sent.push({id: id, data: data, done: fn});
      fake.pendingNow.push({id: id, channel: channel, data: data});
    },
    pending: function () { return fake.pendingNow.slice(); },
    history: function (channel, before, limit, fn) { fake.asked.push(before); fn(null, fake.answers.shift()); },
    rename: function (name, fn) { fn({code: 'bad-request', message: 'no such name'}); },
    close: function () { fake.become('closed', null); }
  };
  fake.become = function (state, transport) {
    wire.state = state;
    wire.transport = transport;
    ['state', 'transport'].forEach(function (name) { (listeners[name] || []).forEach(function (fn) { fn(wire[name]); }); });
  };
  fake.settle = function (index, error, receipt) {
    fake.pendingNow = fake.pendingNow.filter(function (one) { return one.id !== fake.sent[index].id; });
    fake.sent[index].done(error, receipt);
  };
  fake.message = function (offset, id, author) {
    return {
      type: 'message', channel: 'chat:x', offset: offset, position: 'e-' + offset, id: id || 'm-' + offset,
      time: new Date().getTime(), user: {id: author || 'u_other', name: 'Other'}, data: {text: 'text ' + offset}
    };
  };
  window.fake = fake;
  fake.wire = wire;
  Object.defineProperty(window, 'Anywire', {get: function () { return {connect: function () { return wire; }}; }, set: function () {}});
}());
