// The served file in an engine that has next to nothing: every wire carries messages both ways.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const { oldPage, SERVED } = require('./old-engine.js');

const WIRES = [
  ['websocket', {}],
  ['sse', { websocket: 'deny' }],
  ['long-poll', { websocket: 'deny', sse: 'deny' }],
  ['short-poll', { websocket: 'deny', sse: 'deny', 'long-poll': 'deny' }]
];

const FOLLOW = `
  var got = [], settled = [], told = [], failures = [];
  var wire = Anywire.connect();
  wire.on('state', function (state) { told.push(state); });
  wire.on('error', function (error) { failures.push(error.code); });
  wire.subscribe('chat:lobby', {history: 50}, function (event) { if (event.type === 'message') { got.push(event.data); } });
`;

function follows(page) {
  page.net.log.publish('chat:lobby', 'first', 'before');
  page.evaluate(FOLLOW);
  page.run(4000);
  page.evaluate("wire.publish('chat:lobby', 'mine', function (error, receipt) { settled.push(error || receipt.offset); });");
  page.run(3000);
  page.net.log.publish('chat:lobby', 'second', 'after');
  page.run(5000);
  return JSON.parse(page.evaluate('JSON.stringify({got: got, settled: settled, failures: failures, transport: wire.transport})'));
}

test('the engine is as poor as it claims', () => {
  const page = oldPage();
  const there = page.evaluate(`[typeof Promise, typeof Map, typeof Symbol, typeof Reflect, typeof performance, typeof crypto,
    typeof MutationObserver, typeof addEventListener, typeof fetch, typeof Function.prototype.bind, typeof [].forEach, typeof [].indexOf,
    typeof ''.trim, typeof Object.keys, typeof Array.isArray, typeof Date.now, typeof console].join()`);
  assert.deepStrictEqual(Array.from(new Set(there.split(','))), ['undefined']);
  assert.throws(() => page.evaluate('window.localStorage'), /forbidden/);
});

for (const [transport, policy] of WIRES) {
  test('messages go both ways by ' + transport, () => {
    const page = oldPage({ policy });
    const seen = follows(page);
    assert.deepStrictEqual(seen, { got: ['before', 'mine', 'after'], settled: [2], failures: [], transport });
    assert.deepStrictEqual(page.marks, { 'data-anywire-transport': transport, 'data-anywire-state': 'open' });
  });

  test('forced, and alone: ' + transport, () => {
    const page = oldPage({ search: '?transport=' + transport });
    assert.strictEqual(follows(page).transport, transport);
    assert.deepStrictEqual(Array.from(new Set(page.net.requests)).filter((kind) => kind !== 'publish'), [transport]);
  });
}

test('neither WebSocket nor EventSource: long polling, at no cost', () => {
  const page = oldPage({ lacking: ['WebSocket', 'EventSource'] });
  assert.strictEqual(follows(page).transport, 'long-poll');
  assert.ok(!page.net.requests.includes('websocket') && !page.net.requests.includes('sse'));
});

test('it listens where it is let, and goes on after the page was offline', () => {
  const page = oldPage();
  follows(page);
  for (const name of ['ononline', 'onpagehide', 'onpageshow', 'onvisibilitychange']) { assert.ok(page.heard[name].length > 0, name); }
  page.net.dropAll();
  page.heard.ononline.forEach((heard) => { heard({}); });
  page.run(3000);
  page.net.log.publish('chat:lobby', 'third', 'later');
  page.run(3000);
  assert.deepStrictEqual(page.evaluate('got.join()'), 'before,mine,after,later');
});

test('a job and its bar', () => {
  const page = oldPage();
  page.net.log.setState('job:j1', { id: 'j1', title: 'Import', state: 'running', percent: 25, done: 1, total: 4 });
  page.evaluate("var states = []; Anywire.connect().job('j1', function (job) { states.push(job.state + job.percent); });");
  page.run(2000);
  assert.strictEqual(page.evaluate('states.join()'), 'running25');
});

// What people paste, and what makes no sense: forced only where a name of ours stands as it is.
const ADDRESSES = [
  ['?transport=sse', 'sse'], ['??transport=sse', 'sse'], ['?transport=sse/', 'sse'], ['?lang=zh;transport=sse', 'sse'],
  ['?lang=zh&transport=sse&job=x', 'sse'], ['?&&transport=sse', 'sse'], ['?transport=sse?transport=websocket', 'sse'],
  ['?transport=sse&transport=long-poll', 'sse'], ['?transport=sse;', 'sse'], ['?transport=sse%20', 'sse'],
  ['?transport=%73se', 'websocket'], // nobody's browser writes it so; it is not read as a name
  ['?transport=SSE', 'websocket'], ['?transport=', 'websocket'], ['?transport', 'websocket'], ['?mytransport=sse', 'websocket'],
  ['?transport=sse-x', 'websocket'], ['?transport=hasOwnProperty', 'websocket'], ['?transport=constructor', 'websocket'],
  ['?%', 'websocket'], ['?=sse', 'websocket'], ['', 'websocket']
];
for (const [search, transport] of ADDRESSES) {
  test('the address ' + JSON.stringify(search) + ' means ' + transport, () => {
    assert.strictEqual(follows(oldPage({ search })).transport, transport);
  });
}

test('no host object is asked whether it is a function: in old engines it is an "object"', () => {
  assert.ok(!/["']function["']/.test(fs.readFileSync(SERVED, 'utf8')));
});
