// Hundreds of random changes of transport, up and down, while 200 messages a second go each way, on a network whose
// delays are known exactly: what is left of a pause is the client's own doing.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page, seeded } = require('./page.js');

const TRANSPORTS = ['websocket', 'sse', 'long-poll', 'short-poll'];
const CHANGES = 300;
const EVERY_MS = 5; // a message each way
const POLL_MS = 100;

/** From *level* on transports are allowed; what is in use and no longer allowed is cut. */
function allow(p, level) {
  TRANSPORTS.forEach((name, rank) => { p.net.policy[name] = rank >= level ? 'ok' : 'deny'; });
  for (const connection of Array.from(p.net.open)) {
    if (TRANSPORTS.indexOf(connection.transport) >= 0 && TRANSPORTS.indexOf(connection.transport) < level) { connection.die(); }
  }
}

function live(random, p) {
  const changes = [];
  const gaps = []; // [from, to] of each two deliveries
  let said = 0;
  let seen = 0;
  let heardMs = 0;
  const pass = (ms) => p.until(() => {
    if (p.got.length > seen) {
      gaps.push([heardMs, p.clock.ms]);
      heardMs = p.clock.ms;
      seen = p.got.length;
    }
    p.say('other ' + said);
    p.wire.publish('chat:lobby', 'own ' + said, () => {});
    said += 1;
    return false;
  }, ms);
  pass(1000);
  while (changes.length < CHANGES) {
    const from = TRANSPORTS.indexOf(p.wire.transport);
    const to = (from + 1 + Math.floor(random() * 3)) % 4;
    const change = { from, to, startMs: p.clock.ms };
    allow(p, to);
    if (to < from) { p.env.fire('online'); }
    while (p.wire.transport !== TRANSPORTS[to]) {
      pass(EVERY_MS);
      assert.ok(p.clock.ms < change.startMs + 5000, TRANSPORTS[from] + ' to ' + TRANSPORTS[to] + ' stays at ' + p.wire.transport);
    }
    change.endMs = p.clock.ms + 50;
    changes.push(change);
    pass(50 + random() * 100);
  }
  p.run(10000);
  return { changes, gaps, said };
}

function pauseMs(change, gaps) {
  const normalMs = TRANSPORTS[change.from] === 'short-poll' || TRANSPORTS[change.to] === 'short-poll' ? POLL_MS : EVERY_MS;
  const around = gaps.filter(([from, to]) => to >= change.startMs && from <= change.endMs);
  return Math.max(0, ...around.map(([from, to]) => to - from)) - normalMs;
}

// Each way; of a fall the page feels up to seven round trips.
for (const { delayMs, jitterMs, mostMs } of [{ delayMs: 5, jitterMs: 0, mostMs: 150 }, { delayMs: 15, jitterMs: 60, mostMs: 750 }]) {
  test(CHANGES + ' changes: all there, once and in order, and no pause is longer than ' + mostMs + ' ms', () => {
    change(delayMs, jitterMs, mostMs);
  });
}

function change(delayMs, jitterMs, mostMs) {
  const random = seeded(2);
  const p = page({ seed: 2, history: { after: 'e0001-0' } });
  Object.assign(p.net, { pollMs: POLL_MS, delayMs, jitterMs });
  const { changes, gaps, said } = live(random, p);
  const all = p.net.log.of('chat:lobby').messages.map((message) => message.data);
  assert.deepStrictEqual(p.got, all);
  for (const who of ['own', 'other']) {
    assert.deepStrictEqual(all.filter((data) => data.startsWith(who)), Array.from({ length: said }, (_, i) => who + ' ' + i));
  }
  assert.deepStrictEqual(p.log.filter(([, name]) => name === 'gap' || name === 'error'), []);
  assert.strictEqual(new Set(changes.map(({ from, to }) => from + '>' + to)).size, 12);
  const pauses = changes.map((change) => pauseMs(change, gaps)).sort((a, b) => a - b);
  assert.ok(pauses[CHANGES - 1] < mostMs, 'the longest: ' + pauses.slice(-5));
}
