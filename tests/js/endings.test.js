// What ends a wire, what comes after it and how soon: faults, restarts, sleep, the page's own comings and goings.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

test('offline: everything fails, and it comes back by itself and at once when told', () => {
  const all = { websocket: 'deny', sse: 'deny', 'long-poll': 'deny', 'short-poll': 'deny', publish: 'deny' };
  const p = page({ policy: all });
  p.run(60000);
  assert.strictEqual(p.wire.state, 'waiting');
  const tried = p.net.requests.length;
  assert.ok(tried < 120, String(tried));
  for (const name of Object.keys(all)) { p.net.policy[name] = 'ok'; }
  p.env.fire('online');
  assert.ok(p.until(() => p.wire.state === 'open', 400));
});

test('a server restart: the wire that worked, alone, and no strike', () => {
  const p = page();
  p.run(3000);
  for (let i = 0; i < 5; i += 1) {
    for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'deny'; }
    p.net.dropAll();
    p.run(1500);
    for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'ok'; }
    assert.ok(p.until(() => p.wire.state === 'open', 5000));
    p.run(3000);
    assert.strictEqual(p.wire.transport, 'websocket');
  }
  assert.strictEqual(p.count('sse') + p.count('long-poll'), 0);
});

test('where requests that are held fail and others don\'t, a page on them goes on to others', () => {
  const p = page({ policy: { websocket: 'deny', sse: 'deny' } });
  p.run(5000);
  assert.strictEqual(p.wire.transport, 'long-poll');
  p.net.policy['long-poll'] = 'deny'; // without any answer, as where nothing is reached at all
  p.net.dropAll();
  assert.ok(p.until(() => p.wire.transport === 'short-poll', 300));
});

test('goaway: waits as told, tries the same wire, starts no other', () => {
  const p = page();
  p.run(1000);
  for (const connection of p.net.open) { connection.send({ type: 'goaway', retry: 1500, reconnect: true }); }
  p.run(100);
  assert.strictEqual(p.wire.state, 'waiting');
  p.run(1300);
  assert.strictEqual(p.wire.state, 'waiting');
  p.run(300);
  assert.strictEqual(p.wire.state, 'open');
  assert.deepStrictEqual(p.net.requests, ['websocket', 'websocket']);
  for (const connection of p.net.open) { connection.send({ type: 'goaway', retry: 0, reconnect: false }); }
  p.run(60000);
  assert.strictEqual(p.wire.state, 'closed');
  assert.strictEqual(p.net.requests.length, 2);
});

test('503 with Retry-After is honoured, and is no reason for another wire', () => {
  const p = page({ search: '?transport=long-poll' });
  p.run(3000);
  p.net.retryAfter = 7;
  p.net.policy['long-poll'] = 'status:503';
  p.net.dropAll();
  p.run(3000);
  const before = p.net.requests.length;
  p.run(3500);
  assert.strictEqual(p.net.requests.length, before);
  p.net.policy['long-poll'] = 'ok';
  p.run(4000);
  assert.strictEqual(p.wire.state, 'open');

  const q = page();
  q.run(3000);
  q.net.retryAfter = 5;
  q.net.policy.websocket = q.net.policy['short-poll'] = 'status:503';
  q.net.dropAll();
  q.run(4500);
  assert.deepStrictEqual(q.net.requests, ['websocket', 'websocket', 'short-poll']); // the reason was asked for once
  assert.strictEqual(q.wire.state, 'waiting');
});

test('a wire that opens and dies within seconds is left after three tries, and retried later', () => {
  const p = page({ policy: { websocket: 'cut:300' } });
  let said = 0;
  p.until(() => { p.say(said); said += 1; return false; }, 3000);
  assert.strictEqual(p.wire.transport, 'sse');
  assert.ok(p.verdicts().includes('websocket websocket.flapping'));
  p.run(56000);
  assert.ok(p.count('websocket') <= 4, String(p.count('websocket')));
  p.run(120000);
  assert.ok(p.count('websocket') > 3);
  assert.deepStrictEqual(p.got, Array.from({ length: said }, (_, i) => i));
});

for (const lifeMs of [0, 300, 2000, 8000]) {
  test('a WebSocket that dies ' + lifeMs + ' ms after its hello, for ever: four tries a minute at most, later ever fewer', () => {
    const p = page({ policy: { websocket: 'cut:' + lifeMs } });
    const said = [];
    const speak = (ms) => { p.until(() => { p.say(said.length); said.push(said.length); return false; }, ms); };
    speak(3 * lifeMs + 2000); // by now it has died three times
    assert.strictEqual(p.wire.transport, 'sse');
    const changes = p.log.length;
    speak(60000 - p.clock.ms);
    assert.ok(p.count('websocket') <= 4, String(p.count('websocket')));
    assert.strictEqual(p.log.length, changes); // stable
    p.run(1800000);
    assert.ok(p.count('websocket') > 4 && p.count('websocket') < 20, String(p.count('websocket')));
    assert.deepStrictEqual(p.got, said);
    p.net.policy.websocket = 'ok';
    p.run(700000);
    assert.strictEqual(p.wire.transport, 'websocket');
  });
}

test('being offline is no strike, however short the wires lived in between', () => {
  const p = page();
  p.run(1000);
  for (let i = 0; i < 6; i += 1) {
    for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'deny'; }
    p.net.dropAll();
    p.run(700);
    for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'ok'; }
    if (i % 2) { p.env.fire('online'); }
    assert.ok(p.until(() => p.wire.state === 'open', 2000));
    p.run(500);
    assert.strictEqual(p.wire.transport, 'websocket');
  }
  assert.ok(!p.verdicts().some((text) => /flapping/.test(text)), String(p.verdicts()));
});

test('a wire that is only cut when idle gets a quicker heartbeat', () => {
  const p = page({ options: { transports: ['websocket'] } });
  p.run(2000);
  p.net.dropAll();
  p.run(2150);
  p.net.dropAll();
  p.run(1000);
  const beats = p.net.urls.map((url) => Number(/heartbeat=(\d+)/.exec(url)?.[1] || 0));
  assert.deepStrictEqual(beats.slice(0, 2), [0, 0]);
  assert.ok(beats[2] >= 900 && beats[2] <= 1100, String(beats));
});

test('a frozen wire is dead after one and a half heartbeats', () => {
  const p = page({ policy: { websocket: 'freeze:2000' } });
  p.run(2500);
  p.net.policy.websocket = 'ok';
  p.say('unheard');
  p.run(15000);
  assert.deepStrictEqual(p.got, []);
  p.run(7000);
  assert.deepStrictEqual(p.got, ['unheard']);
  assert.deepStrictEqual(p.verdicts(), ['websocket websocket.silent', 'websocket ok']);
});

test('a publish without an answer finds a dead wire much sooner, and another one carries it', () => {
  const p = page({ policy: { websocket: 'freeze:2000' } });
  const acks = [];
  p.run(3000);
  p.wire.publish('chat:lobby', 'hello', (error) => { acks.push(error); });
  p.run(4600);
  assert.deepStrictEqual(acks, [null]);
  assert.deepStrictEqual(p.got, ['hello']);
  assert.strictEqual(p.wire.transport, 'sse');
});

test('after sleep a fresh wire stands beside the old one at once', () => {
  const p = page({ policy: { websocket: 'freeze:2000' } });
  p.run(5000);
  p.net.policy.websocket = 'ok';
  p.say('while asleep');
  p.clock.skippedMs += 300000;
  p.run(2100);
  assert.deepStrictEqual(p.got, ['while asleep']);
  p.run(15000);
  assert.strictEqual(p.net.open.size, 1);
});

test('what a frozen page was sent before its wire died is no sign of life when it wakes up', () => {
  const p = page({ policy: { websocket: 'freeze:2000' } });
  p.run(2000);
  p.net.policy.websocket = 'ok';
  p.say('on its way');
  p.env.fire('resume');
  p.run(20);
  p.say('unheard');
  p.run(100);
  assert.deepStrictEqual(p.got, ['on its way', 'unheard']);
});

test('being looked at again probes the wire; a live one stays', () => {
  const p = page();
  p.run(5000);
  p.env.fire('visibilitychange');
  p.run(5000);
  assert.deepStrictEqual(p.net.requests, ['websocket']);
  p.net.policy.websocket = 'freeze:0';
});

test('the back-forward cache: wires are closed on the way in and opened on the way back', () => {
  const p = page();
  p.run(3000);
  p.env.fire('pagehide');
  assert.strictEqual(p.net.open.size, 0);
  p.say('meanwhile');
  p.run(60000);
  assert.strictEqual(p.net.requests.length, 1);
  p.env.fire('pageshow', { persisted: true });
  p.run(100);
  assert.deepStrictEqual(p.got, ['meanwhile']);
});
