// What is said of a wire that failed: a first opinion within two seconds, the last word soon after, and whom it is told.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

const STREAMS_ALONE = { 'long-poll': 'deny', 'short-poll': 'deny' };
const NOTHING = { websocket: 'deny', sse: 'deny', 'long-poll': 'deny', 'short-poll': 'deny', publish: 'deny' };

function verdict(p, transport) { return p.wire.attempts.find((record) => record.transport === transport).verdict; }

const NAMED = [
  // network, transport, what is said of it
  [{ websocket: 'deny' }, 'websocket', 'websocket.blocked'],
  [{ websocket: 'swallow' }, 'websocket', 'websocket.swallowed'],
  [{ websocket: 'silent' }, 'websocket', 'websocket.silent'],
  [{ websocket: 'hello-only' }, 'websocket', 'websocket.silent'],
  [{ websocket: 'deny', sse: 'silent' }, 'sse', 'sse.buffered'],
  [{ websocket: 'deny', sse: 'swallow' }, 'sse', 'sse.buffered'],
  [{ websocket: 'deny', sse: 'behind' }, 'sse', 'sse.one-behind'],
  [{ websocket: 'deny', sse: 'lag:1900' }, 'sse', 'sse.delayed'],
  [{ websocket: 'deny', sse: 'swallow', 'long-poll': 'swallow', 'short-poll': 'swallow' }, 'sse', 'sse.swallowed'],
  [{ websocket: 'deny', sse: 'deny', 'long-poll': 'status:418' }, 'long-poll', 'long-poll.refused']
];
for (const [policy, transport, expected] of NAMED) {
  test(JSON.stringify(policy) + ': ' + expected, () => {
    const p = page({ policy });
    p.run(2200);
    assert.strictEqual(verdict(p, transport), expected, 'the first opinion');
    p.run(11000);
    assert.strictEqual(verdict(p, transport), expected, 'the last word');
  });
}

test('a first opinion is taken back when the wire comes late', () => {
  const p = page({ policy: { websocket: 'late:3000' } });
  p.run(2500);
  assert.strictEqual(verdict(p, 'websocket'), 'websocket.swallowed');
  p.run(1000);
  assert.strictEqual(verdict(p, 'websocket'), 'ok');
  assert.strictEqual(p.wire.transport, 'websocket');
  p.run(30000);
  assert.strictEqual(p.net.reported, undefined);
});

test('a late event stream gives way to a wire that is quicker, and serves where there is no other', () => {
  const p = page({ policy: { websocket: 'deny', sse: 'lag:1900' } });
  p.run(6000);
  assert.strictEqual(p.wire.transport, 'long-poll');
  const record = p.wire.attempts.find((one) => one.transport === 'sse');
  assert.ok(record.delayMs > 1900 && record.delayMs < 2000, String(record.delayMs));
  const only = page({ policy: { websocket: 'deny', sse: 'lag:1900', ...STREAMS_ALONE } });
  only.say('late');
  only.run(6000);
  assert.strictEqual(only.wire.transport, 'sse');
  assert.deepStrictEqual(only.got, ['late']);
});

test('a slow line is no late event stream', () => {
  const p = page({ policy: { websocket: 'deny' }, env: { pageRttMs: () => 800 } });
  p.net.delayMs = 400;
  p.run(10000);
  assert.strictEqual(p.wire.transport, 'sse');
  assert.strictEqual(verdict(p, 'sse'), 'ok');
});

test('a wire that is cut twice after the same silence says after how long, and asks for a quicker heartbeat', () => {
  const p = page({ policy: { websocket: 'cut:3000' } });
  p.run(8000);
  const cut = p.wire.attempts.find((record) => record.verdict === 'websocket.cut');
  assert.ok(Math.abs(cut.cutMs - 3000) < 100, String(cut.cutMs));
  assert.match(p.net.urls.pop(), /heartbeat=14\d\d/);
});

test('a held request that is cut is shorter from then on, and tells after how long it was cut', () => {
  const p = page({ policy: { websocket: 'deny', sse: 'deny', 'long-poll': 'cut:4000' } });
  p.run(60000);
  const record = p.wire.attempts.find((one) => one.transport === 'long-poll');
  assert.strictEqual(record.verdict, 'ok');
  assert.ok(Math.abs(record.cutMs - 4000) < 100, String(record.cutMs));
});

test('where an API hides the reason, a plain request tells it', () => {
  const forced = (policy) => page({ search: '?transport=websocket', policy: { websocket: 'deny', ...policy } });
  const portal = forced({ 'short-poll': 'page' });
  portal.run(1000);
  assert.strictEqual(verdict(portal, 'websocket'), 'websocket.captive-portal');
  const draining = forced({ 'short-poll': 'status:503' });
  draining.run(1000);
  assert.strictEqual(verdict(draining, 'websocket'), 'websocket.draining');
  const blocked = forced({});
  blocked.run(200);
  assert.strictEqual(verdict(blocked, 'websocket'), 'websocket.blocked');
  const offline = page({ policy: NOTHING });
  offline.run(1000);
  assert.strictEqual(verdict(offline, 'short-poll'), 'short-poll.offline');
});

test('the report comes when all verdicts are there, and again where it did not arrive', () => {
  const p = page({ policy: { websocket: 'swallow' } });
  p.run(11000);
  assert.strictEqual(p.net.reported, undefined);
  p.run(5000);
  assert.strictEqual(p.net.reported.transport, 'sse');
  assert.ok(p.net.reported.attempts.some((record) => record.verdict === 'websocket.swallowed'));
  const away = page({ policy: { websocket: 'deny', publish: 'deny' } });
  away.run(20000);
  assert.strictEqual(away.net.reported, undefined);
  away.net.policy.publish = 'ok';
  away.run(60000);
  assert.strictEqual(away.net.reported.transport, 'sse');
});

test('it reports once a network, and no more once it is closed', () => {
  const reports = (p) => p.net.urls.filter((url) => /report/.test(url)).length;
  const p = page({ policy: { websocket: 'deny' } });
  p.run(120000);
  assert.strictEqual(reports(p), 1);
  p.net.network = 'n_2';
  p.net.dropAll();
  p.run(60000);
  assert.strictEqual(reports(p), 2);
  const closed = page({ policy: { websocket: 'deny' } });
  closed.run(5000);
  closed.wire.close();
  closed.run(60000);
  assert.strictEqual(reports(closed), 0);
});

test('held requests that are cut are reported, although they serve', () => {
  const p = page({ search: '?transport=long-poll', policy: { 'long-poll': 'cut:4000' } });
  p.run(60000);
  assert.ok(p.net.reported.attempts[0].cutMs > 3900);
});
