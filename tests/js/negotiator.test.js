// Which wire a page ends on, how soon, and what it asked the network for, on networks of every kind.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page, Network } = require('./page.js');

test('a healthy network: one WebSocket, proven, and no other request', () => {
  const p = page();
  p.run(30000);
  assert.strictEqual(p.wire.transport, 'websocket');
  assert.strictEqual(p.wire.state, 'open');
  assert.deepStrictEqual(p.net.requests, ['websocket']);
  assert.deepStrictEqual(p.verdicts(), ['websocket ok']);
  assert.ok(p.firstMs('subscribed') < 30);
  assert.deepStrictEqual(p.env.marks, { transport: 'websocket', state: 'open' });
});

const FIRST = [
  // network, transport in the end, first event within ms
  [{ websocket: 'deny' }, 'sse', 60],
  [{ websocket: 'swallow' }, 'sse', 350],
  [{ websocket: 'silent' }, 'sse', 350],
  [{ websocket: 'deny', sse: 'deny' }, 'long-poll', 80],
  [{ websocket: 'swallow', sse: 'swallow' }, 'long-poll', 600],
  [{ websocket: 'deny', sse: 'silent' }, 'long-poll', 350],
  [{ websocket: 'deny', sse: 'deny', 'long-poll': 'deny' }, 'short-poll', 100],
  [{ websocket: 'swallow', sse: 'swallow', 'long-poll': 'swallow' }, 'short-poll', 900]
];
for (const [policy, transport, mostMs] of FIRST) {
  test('first contact with ' + JSON.stringify(policy) + ' is by ' + transport, () => {
    const p = page({ policy });
    p.say('before');
    p.run(4000);
    assert.strictEqual(p.wire.transport, transport);
    assert.ok(p.firstMs('message') <= mostMs, 'first message after ' + p.firstMs('message'));
    p.wire.publish('chat:lobby', 'mine', () => {});
    p.say('after');
    p.run(5000);
    assert.deepStrictEqual(p.got.slice().sort(), ['after', 'before', 'mine']);
  });
}

test('a hello that slips through, then silence: the next wire takes over, and what was published arrives once', () => {
  const p = page({ policy: { websocket: 'hello-only' } });
  p.run(50);
  assert.strictEqual(p.wire.transport, 'websocket');
  p.wire.publish('chat:lobby', 'lost at first', () => {});
  p.run(1300);
  assert.strictEqual(p.wire.transport, 'sse');
  p.run(12000);
  assert.deepStrictEqual(p.got, ['lost at first']);
  assert.ok(p.verdicts().includes('websocket websocket.silent'));
});

test('held answers that are cut at once leave short polling; cut later, the hold stays below', () => {
  const short = page({ policy: { websocket: 'deny', sse: 'deny', 'long-poll': 'cut:300' } });
  short.run(5000);
  assert.strictEqual(short.wire.transport, 'short-poll');
  assert.ok(short.verdicts().includes('long-poll long-poll.cut'));

  const long = page({ policy: { websocket: 'deny', sse: 'deny', 'long-poll': 'cut:4000' } });
  long.run(60000);
  assert.strictEqual(long.wire.transport, 'long-poll');
  const waits = long.net.urls.filter((url) => /long-poll/.test(url)).map((url) => Number(/wait=(\d+)/.exec(url)?.[1]));
  assert.ok(waits.slice(-5).every((wait) => wait < 4), String(waits));
});

test('a WebSocket that comes late takes over from the event stream without a loss', () => {
  const p = page({ policy: { websocket: 'late:1500' } });
  for (let i = 0; i < 100; i += 1) { p.run(30); p.say(i); }
  p.run(100);
  assert.strictEqual(p.wire.transport, 'websocket');
  assert.deepStrictEqual(p.got, Array.from({ length: 100 }, (_, i) => i));
  p.run(3000);
  assert.strictEqual(p.net.open.size, 1);
});

test('what failed at first is tried again and climbed to', () => {
  const p = page({ policy: { websocket: 'deny' } });
  p.run(1000);
  assert.strictEqual(p.wire.transport, 'sse');
  p.net.policy.websocket = 'ok';
  p.run(20000);
  assert.strictEqual(p.wire.transport, 'websocket');
  p.run(3000);
  assert.strictEqual(p.net.open.size, 1);
});

test('what was given up for a better one is due at once where that one dies and a worse one stands by', () => {
  const p = page({ policy: { websocket: 'deny', sse: 'deny', 'long-poll': 'deny' } });
  p.run(3000);
  assert.strictEqual(p.wire.transport, 'short-poll');
  p.net.policy.websocket = p.net.policy.sse = 'ok';
  p.env.fire('online');
  p.run(300);
  assert.strictEqual(p.wire.transport, 'websocket');
  p.net.policy.websocket = 'deny';
  for (const connection of Array.from(p.net.open)) { if (connection.transport === 'websocket') { connection.die(); } }
  assert.ok(p.until(() => p.wire.transport === 'sse', 200));
});

test('a transport that keeps failing is tried again ever more seldom', () => {
  const p = page({ policy: { websocket: 'deny' } });
  p.run(3600000);
  assert.ok(p.count('websocket') > 5 && p.count('websocket') < 15, String(p.count('websocket')));
});

test('a forced transport is the only one, even if it fails', () => {
  const p = page({ search: '?x=1&transport=long-poll' });
  p.run(3000);
  assert.strictEqual(p.wire.transport, 'long-poll');
  assert.strictEqual(p.count('websocket') + p.count('sse') + p.count('short-poll'), 0);
  const dead = page({ search: '?transport=sse', policy: { sse: 'deny' } });
  dead.run(20000);
  assert.strictEqual(dead.count('websocket') + dead.count('long-poll'), 0);
  assert.strictEqual(dead.wire.state, 'waiting');
});

test('the page can ask for fewer transports; those that the browser lacks or the operator left out cost nothing', () => {
  const p = page({ options: { transports: ['sse', 'short-poll'] }, env: { EventSource: undefined } });
  p.run(1000);
  assert.strictEqual(p.wire.transport, 'short-poll');
  assert.deepStrictEqual(p.verdicts(), ['sse sse.unsupported', 'short-poll ok']);
  const q = page({ env: { offer: { transports: [{ name: 'long-poll' }, { name: 'short-poll' }] } } });
  q.run(1000);
  assert.strictEqual(q.wire.transport, 'long-poll');
  assert.strictEqual(q.count('websocket') + q.count('sse'), 0);
});

test('the order is the operator\'s, unless the page has one', () => {
  const offer = { transports: ['long-poll', 'websocket', 'sse'].map((name) => ({ name })) };
  const p = page({ env: { offer } });
  p.run(30000);
  assert.strictEqual(p.wire.transport, 'long-poll');
  assert.strictEqual(p.count('websocket') + p.count('sse') + p.count('short-poll'), 0);
  const q = page({ env: { offer }, options: { transports: ['websocket', 'long-poll'] } });
  q.run(1000);
  assert.strictEqual(q.wire.transport, 'websocket');
});

test('what worked is remembered for a day and tried first; the better one is still looked for', () => {
  const first = page({ policy: { websocket: 'swallow' } });
  first.run(3000);
  first.wire.close();
  const second = page({ policy: { websocket: 'swallow' }, kept: first.env });
  second.run(200);
  assert.deepStrictEqual(second.net.requests, ['sse']);
  second.net.policy.websocket = 'ok';
  second.run(20000);
  assert.strictEqual(second.wire.transport, 'websocket');
  const none = page({ policy: { websocket: 'swallow' }, kept: first.env, options: { remember: false } });
  none.run(200);
  assert.deepStrictEqual(none.net.requests, ['websocket']);
});

test('a box that answers everything with its login page is named', () => {
  const p = page({ policy: { websocket: 'deny', sse: 'deny', 'long-poll': 'page', 'short-poll': 'page' } });
  p.run(500);
  assert.ok(p.verdicts().includes('long-poll long-poll.captive-portal'), String(p.verdicts()));
  assert.strictEqual(p.wire.state, 'waiting');
});

test('a boot cookie goes before the first contact of a visitor without identity, and only then', () => {
  const p = page();
  p.run(100);
  assert.match(p.env.cookies, /^anywire_boot=[0-9a-f]{32};max-age=60;path=\/;samesite=lax/);
  assert.deepStrictEqual(p.wire.user, { id: 'u_1', name: 'Guest' });
  const known = page({ env: { offer: { user: { id: 'u_1', name: 'Guest' } } } });
  known.run(100);
  assert.strictEqual(known.env.cookies, '');
});

test('another host: its identity is fetched before the wires start', () => {
  const network = new Network(new (require('./fake-env.js').Clock)());
  const p = page({ network, clock: network.clock, env: { resolve: (url) => (url === '/' ? 'http://here.example/' : 'https://other.example/live/') } });
  p.run(100);
  assert.match(network.urls[0], /^https:\/\/other\.example\/live\/v1\/negotiate\?_=/);
  assert.strictEqual(p.env.cookies, '');
});

test('a failure is reported once, a healthy start is not', () => {
  const p = page({ policy: { websocket: 'deny' } });
  p.run(40000);
  assert.strictEqual(p.net.reported.transport, 'sse');
  assert.strictEqual(p.net.urls.filter((url) => /report/.test(url)).length, 1);
});

test('a token function is called before the first contact and again when its token has expired', () => {
  const tokens = ['one', 'two'];
  const p = page({ options: { token: (done) => { done(tokens.shift()); } } });
  p.run(100);
  assert.match(p.net.urls[0], /token=one/);
  for (const connection of p.net.open) { connection.send({ type: 'error', code: 'token-expired', message: '' }); }
  p.run(100);
  assert.match(p.net.urls[1], /token=two/);
  assert.strictEqual(p.wire.state, 'open');
});
