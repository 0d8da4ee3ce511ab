// The rule by which several wires may bring one channel: delivered only if it is the next.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { load } = require('./load.js');
const { seeded } = require('./fake-env.js');

const anywire = load();

function channel(position) {
  return { at: anywire.parsePosition(position || ''), position: position || '', hasState: false };
}

function message(offset, epoch) {
  return { type: 'message', offset, position: (epoch || 'e0001') + '-' + offset };
}

function subscribed(offset, recovered, epoch) {
  return { type: 'subscribed', position: (epoch || 'e0001') + '-' + offset, recovered };
}

test('positions are EPOCH-OFFSET and nothing else', () => {
  assert.deepStrictEqual(anywire.parsePosition('8f3ak2-41'), { epoch: '8f3ak2', offset: 41 });
  for (const text of ['', '-5', '0', '8f3ak2', '8f3ak2-', '8F3AK2-4', '8f3ak2-4x', null, undefined]) {
    assert.strictEqual(anywire.parsePosition(text), null);
  }
});

test('the next is delivered, what was is dropped, what is further on rewinds its wire', () => {
  const c = channel('e0001-5');
  assert.strictEqual(anywire.judge(c, message(5), true), 'drop');
  assert.strictEqual(anywire.judge(c, message(7), true), 'rewind');
  assert.strictEqual(anywire.judge(c, message(6), false), 'deliver');
  assert.strictEqual(anywire.judge(c, message(6), true), 'drop');
  assert.strictEqual(c.position, 'e0001-6');
  assert.strictEqual(anywire.judge(c, message(7, 'other'), true), 'rewind');
});

test('the first subscribed sets the position, later ones leave it, and nothing comes before it', () => {
  const c = channel();
  assert.strictEqual(anywire.judge(c, message(1), true), 'drop');
  assert.strictEqual(anywire.judge(c, subscribed(10, true), true), 'deliver');
  assert.strictEqual(anywire.judge(c, message(11), true), 'deliver');
  assert.strictEqual(anywire.judge(c, subscribed(30, true), true), 'deliver');
  assert.strictEqual(anywire.judge(c, subscribed(30, true), false), 'drop');
  assert.strictEqual(c.position, 'e0001-11');
});

test('what could not be recovered moves the position on the wire in use alone', () => {
  const c = channel('e0001-5');
  assert.strictEqual(anywire.judge(c, subscribed(100, false), false), 'lost');
  assert.strictEqual(c.position, 'e0001-5');
  assert.strictEqual(anywire.judge(c, subscribed(0, false, 'e0002'), true), 'gap');
  assert.strictEqual(anywire.judge(c, message(1, 'e0002'), true), 'deliver');
});

test('of states the newer wins, values may be skipped, and the current one comes first', () => {
  const state = (offset) => ({ type: 'state', position: 'e0001-' + offset });
  const c = channel();
  anywire.judge(c, subscribed(7, true), true);
  assert.strictEqual(anywire.judge(c, state(7), true), 'deliver');
  assert.strictEqual(anywire.judge(c, state(7), false), 'drop');
  assert.strictEqual(anywire.judge(c, state(12), true), 'deliver');
  assert.strictEqual(anywire.judge(c, state(9), true), 'drop');
});

test('property: however many copies come in whatever order, each offset is delivered once and in order', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    const c = channel('e0001-0');
    const wires = Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({ next: 1 + Math.floor(random() * 30) }));
    const got = [];
    for (let step = 0; step < 2000 && got.length < 100; step += 1) {
      const wire = wires[Math.floor(random() * wires.length)];
      const offset = wire.next;
      if (random() < 0.05) { wire.next = Math.max(1, offset - Math.floor(random() * 20)); continue; }
      wire.next += 1;
      const word = anywire.judge(c, message(offset), true);
      if (word === 'deliver') { got.push(offset); }
      if (word === 'rewind') { wire.next = c.at.offset + 1; }
    }
    assert.deepStrictEqual(got, got.map((_, i) => i + 1));
    assert.ok(got.length >= 100, String(seed));
  }
});
