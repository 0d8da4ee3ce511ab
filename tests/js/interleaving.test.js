// Whatever the interleaving of wires, losses, late wires and duplicates: each message is delivered once and in order,
// and each that was published is stored once and in order, or a gap is announced.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page, seeded } = require('./page.js');

const WIRES = ['websocket', 'sse', 'long-poll', 'short-poll'];
const FATES = ['ok', 'ok', 'ok', 'deny', 'swallow', 'silent', 'hello-only', 'late:700', 'cut:150', 'cut:900', 'freeze:400', 'status:503'];
const SEEDS = 60;

function pick(random, list) { return list[Math.floor(random() * list.length)]; }

// A minute of a page on a network that changes all the time; then ten quiet minutes to recover in.
function live(seed, more) {
  const random = seeded(seed);
  const p = page({ seed, history: { after: 'e0001-0' } });
  const stored = [];
  p.net.jitterMs = random() * 60;
  p.net.heartbeatMs = 3000;
  p.net.retryAfter = 1;
  for (let step = 0, said = 0; step < 150; step += 1) {
    const dice = random();
    if (dice < 0.2) { p.net.policy[pick(random, WIRES)] = pick(random, FATES); }
    if (dice > 0.2 && dice < 0.26) { p.net.dropAll(); }
    if (dice > 0.26 && dice < 0.3) { p.env.fire(pick(random, ['online', 'visibilitychange', 'resume'])); }
    if (dice > 0.3 && dice < 0.32) { p.env.fire('pagehide'); p.run(random() * 500); p.env.fire('pageshow', { persisted: true }); }
    if (dice > 0.32 && dice < 0.34) { p.clock.skippedMs += 60000; }
    p.net.lostAnswers = dice > 0.9 ? 0.2 : 0;
    if (more) { more(p, dice, random); }
    if (random() < 0.6) { p.say('other ' + step); }
    if (random() < 0.5) { p.wire.publish('chat:lobby', 'own ' + said, (error) => { stored.push(error); }); said += 1; }
    p.run(random() * 400);
    p.said = said;
  }
  for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'ok'; }
  p.net.lostAnswers = 0;
  p.run(600000);
  p.stored = stored;
  return p;
}

test('each message once and in order, over ' + SEEDS + ' lives of a page', () => {
  const used = new Set();
  let changes = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const p = live(seed);
    const all = p.net.log.of('chat:lobby').messages.map((message) => message.data);
    assert.deepStrictEqual(p.got, all, 'seed ' + seed);
    assert.deepStrictEqual(all.filter((data) => /^own/.test(data)), Array.from({ length: p.said }, (_, i) => 'own ' + i), 'seed ' + seed);
    assert.strictEqual(p.stored.length, p.said, 'seed ' + seed);
    assert.deepStrictEqual(p.wire.pending('chat:lobby'), []);
    assert.strictEqual(p.wire.state, 'open');
    assert.ok(!p.log.some(([, name]) => name === 'gap'));
    assert.ok(p.net.open.size <= 2, 'seed ' + seed + ': wires left open: ' + p.net.open.size);
    p.log.forEach(([, name, value]) => { if (name === 'transport') { used.add(value); changes += 1; } });
  }
  assert.deepStrictEqual(Array.from(used).sort(), WIRES.slice().sort());
  assert.ok(changes > 5 * SEEDS, String(changes));
});

test('with messages trimmed and the log restored meanwhile: in order, and every hole is announced', () => {
  let gaps = 0;
  for (let seed = 1; seed <= SEEDS / 2; seed += 1) {
    const p = live(seed, (own, dice) => {
      const channel = own.net.log.of('chat:lobby');
      if (dice > 0.5 && dice < 0.55) { own.net.log.trim('chat:lobby', Math.floor(channel.messages.length * 0.8)); }
    });
    let last = 0;
    for (const event of p.events) {
      if (event.type === 'subscribed' && event.recovered === false) {
        gaps += 1;
        last = Number(event.position.split('-')[1]);
      }
      if (event.type === 'message') {
        assert.strictEqual(event.offset, last + 1, 'seed ' + seed);
        last = event.offset;
      }
    }
    assert.strictEqual(last, p.net.log.head('chat:lobby'), 'seed ' + seed);
  }
  assert.ok(gaps > 0);
});
