// What is remembered of each network, and how soon a better one is noticed.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page, Clock } = require('./page.js');

const DAY_MS = 86400000;
const DENY_ALL_BUT = {
  sse: { websocket: 'deny' },
  'long-poll': { websocket: 'deny', sse: 'deny' },
  'short-poll': { websocket: 'deny', sse: 'deny', 'long-poll': 'deny' }
};

/** A page that has come to rest on *transport*, since the better ones are denied. */
function rested(transport) {
  const p = page({ policy: DENY_ALL_BUT[transport] });
  p.run(5000);
  assert.strictEqual(p.wire.transport, transport);
  return p;
}

/** Another visit of the same browser, *ms* later; *policy* and *network* are what it finds. */
function visit(before, ms, policy, network) {
  before.wire.close();
  const clock = new Clock();
  clock.ms = before.clock.ms + ms;
  const p = page({ policy, clock, kept: before.env, env: { offer: { network } } });
  p.net.network = network;
  return p;
}

for (const transport of Object.keys(DENY_ALL_BUT)) {
  test('told that the network changed, a page on ' + transport + ' tries at once what failed before', () => {
    const p = rested(transport);
    p.net.policy.websocket = 'ok';
    const tried = p.count('websocket');
    p.run(2000);
    assert.strictEqual(p.count('websocket'), tried); // by itself it isn't due yet
    p.env.fire('online');
    assert.ok(p.until(() => p.wire.transport === 'websocket', 100));
    p.run(6000); // a report goes out meanwhile
    assert.strictEqual(p.net.open.size, 1);
  });

  test('another network is noticed by the first hello, and a page on ' + transport + ' climbs at once', () => {
    const p = rested(transport);
    p.net.policy.websocket = 'ok';
    p.net.network = 'n_2';
    p.until(() => p.net.open.size > 0, 3000);
    p.net.dropAll();
    assert.ok(p.until(() => p.wire.transport === 'websocket', 500));
    const q = rested(transport);
    q.net.policy.websocket = 'ok';
    q.until(() => q.net.open.size > 0, 3000);
    q.net.dropAll();
    q.run(2000);
    assert.strictEqual(q.wire.transport, transport); // the same network: nothing new to expect
  });
}

test('each better transport is tried at once, not the best alone', () => {
  const p = rested('short-poll');
  p.net.policy.sse = 'ok';
  p.env.fire('online');
  assert.ok(p.until(() => p.wire.transport === 'sse', 200));
  const tried = p.count('websocket');
  p.run(10000);
  assert.strictEqual(p.count('websocket'), tried); // the WebSocket failed anew, and waits its time
});

test('a server with several addresses for each visitor makes no page forget its strikes for ever', () => {
  const p = page({ policy: { websocket: 'cut:300' } });
  let hellos = 0;
  Object.defineProperty(p.net, 'network', { get: () => { hellos += 1; return 'n_' + hellos % 3; } });
  p.run(600000);
  assert.strictEqual(p.wire.transport, 'sse');
  assert.ok(p.count('websocket') < 25, String(p.count('websocket')));
});

test('what worked is tried first for a day from when it was learned, however many visits there are', () => {
  let p = rested('sse');
  for (let hour = 0; hour < 25; hour += 1) {
    p = visit(p, DAY_MS / 24, { websocket: 'deny' }, 'n_1');
    p.run(3000);
    assert.strictEqual(p.net.requests[0], hour === 23 ? 'websocket' : 'sse', 'hour ' + hour);
  }
});

test('each network has a memory of its own', () => {
  const there = visit(rested('sse'), 1000, {}, 'n_2');
  there.run(100);
  assert.deepStrictEqual(there.net.requests, ['websocket']);
  const back = visit(there, 1000, { websocket: 'deny' }, 'n_1');
  back.run(100);
  assert.deepStrictEqual(back.net.requests, ['sse']);
});

test('a page that isn\'t told its network begins with what worked last, and climbs where it is another one', () => {
  const resolve = (url) => (url === '/' ? 'http://here.example/' : 'https://other.example/live/');
  const first = page({ policy: { websocket: 'deny' }, env: { resolve } });
  first.run(3000);
  first.wire.close();
  const same = page({ kept: first.env, env: { resolve } });
  same.run(1000);
  assert.deepStrictEqual(same.net.requests, ['sse']); // nor is its identity asked for again
  same.wire.close();
  const other = page({ kept: first.env, env: { resolve } });
  other.net.network = 'n_2';
  other.run(200);
  assert.strictEqual(other.wire.transport, 'websocket');
  assert.deepStrictEqual(other.net.requests.slice(0, 2), ['sse', 'websocket']);
});

test('a memory that makes no sense is none', () => {
  for (const nonsense of ['', 'null', '[]', '{"n_1":"sse","last":5}', '{"n_1":null}', '{"n_1":["teleport",1795000000000]}']) {
    const first = page();
    first.env.local.setItem('anywire:http://here.example/chat/', nonsense);
    const p = page({ kept: first.env, env: { offer: { network: 'n_1' } } });
    p.run(1000);
    assert.strictEqual(p.wire.transport, 'websocket', nonsense);
    assert.deepStrictEqual(p.net.requests, ['websocket'], nonsense);
  }
});
