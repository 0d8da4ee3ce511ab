// What was published is stored once and in order, and kept until it is acknowledged.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

const POLLS = { search: '?transport=long-poll' };

function publish(p, count, first) {
  const acks = p.acks = p.acks || [];
  for (let i = first || 0; i < (first || 0) + count; i += 1) {
    p.wire.publish('chat:lobby', i, (error, receipt) => { acks.push(error ? error.code : receipt.offset); });
  }
}

const upTo = (count) => Array.from({ length: count }, (_, i) => i);

test('before the first wire is there messages wait for it, and go as frames', () => {
  const p = page();
  publish(p, 5);
  assert.strictEqual(p.wire.pending('chat:lobby').length, 5);
  p.run(200);
  assert.deepStrictEqual(p.got, upTo(5));
  assert.deepStrictEqual(p.acks, [1, 2, 3, 4, 5]);
  assert.deepStrictEqual(p.net.requests, ['websocket']);
  assert.deepStrictEqual(p.wire.pending('chat:lobby'), []);
});

test('over HTTP one request a channel is in flight, and what waits goes together', () => {
  const p = page(POLLS);
  p.run(500);
  publish(p, 1);
  p.run(6);
  publish(p, 250, 1);
  p.run(200);
  assert.deepStrictEqual(p.got, upTo(251));
  assert.strictEqual(p.net.urls.filter((url) => /publish/.test(url)).length, 4);
});

test('a page that follows nothing publishes without a wire', () => {
  const p = page({ follow: false });
  publish(p, 3);
  p.run(100);
  assert.deepStrictEqual(p.acks, [1, 2, 3]);
  assert.deepStrictEqual(p.net.requests, ['publish']);
});

test('an answer that gets lost is no second message', () => {
  const p = page(POLLS);
  p.run(500);
  p.net.lostAnswers = 0.5;
  for (let i = 0; i < 40; i += 1) { publish(p, 1, i); p.run(50); }
  p.net.lostAnswers = 0;
  p.run(20000);
  assert.deepStrictEqual(p.got, upTo(40));
  assert.deepStrictEqual(p.acks.slice().sort((a, b) => a - b), upTo(40).map((i) => i + 1));
});

for (const search of ['?transport=websocket', '?transport=long-poll']) {
  test('what is refused for a while is sent again in order: ' + search, () => {
    const p = page({ search });
    let refused = 0;
    let isOpen = false;
    let first = null;
    p.run(1500);
    p.net.log.refusing = (channel, id) => {
      if (first === id && isOpen) { first = null; }
      if (first) { return 'after-refused'; }
      refused += 1;
      if (refused % 3 === 0 && refused < 30) { first = id; return 'rate-limited'; }
      return null;
    };
    isOpen = true;
    for (let i = 0; i < 20; i += 1) { publish(p, 1, i); p.run(37); }
    p.run(60000);
    assert.deepStrictEqual(p.got, upTo(20));
    assert.strictEqual(p.acks.length, 20);
  });

  test('a rate limit is not answered by sending all the rest again and again: ' + search, () => {
    const p = page({ search });
    let tokens = 50;
    let blocked = null;
    let asked = 0;
    p.run(1500);
    p.net.log.refusing = (channel, id) => {
      asked += 1;
      if (blocked && blocked !== id) { return 'after-refused'; }
      tokens -= 1;
      blocked = tokens < 0 ? id : null;
      return blocked && 'rate-limited';
    };
    publish(p, 500);
    for (let i = 0; i < 200 && p.acks.length < 500; i += 1) { p.run(1000); tokens = 20; }
    assert.deepStrictEqual(p.got, upTo(500));
    assert.ok(asked < 4 * 500, String(asked));
  });

  test('what can never be stored is taken out, and the rest goes on: ' + search, () => {
    const p = page({ search });
    const bad = [];
    p.run(1500);
    publish(p, 3);
    const id = p.wire.pending('chat:lobby')[1].id;
    p.net.log.refusing = (channel, other) => (other === id ? 'forbidden' : null);
    p.wire.on('error', (error) => { bad.push(error); });
    p.run(5000);
    assert.deepStrictEqual(p.got, [0, 2]);
    assert.deepStrictEqual(p.acks.slice().sort(), [1, 2, 'forbidden']);
  });
}

test('a reload sends what was not acknowledged, and the page can show it', () => {
  const p = page({ policy: { websocket: 'swallow', sse: 'swallow', 'long-poll': 'swallow', 'short-poll': 'swallow' } });
  publish(p, 3);
  p.run(300);
  p.env.fire('pagehide');
  const q = page({ kept: p.env, seed: 2 });
  assert.deepStrictEqual(q.wire.pending('chat:lobby').map((entry) => entry.data), [0, 1, 2]);
  publish(q, 1, 3);
  q.run(1000);
  assert.deepStrictEqual(q.got, [0, 1, 2, 3]);
  const r = page({ kept: q.env, seed: 3 });
  assert.deepStrictEqual(r.wire.pending('chat:lobby'), []);
});

test('the data are those of the moment of publishing; what is not JSON or too large is refused at once', () => {
  const p = page();
  const errors = [];
  const data = { text: 'now' };
  const cycle = {};
  cycle.self = cycle;
  p.wire.publish('chat:lobby', data, () => {});
  data.text = 'later';
  for (const bad of [cycle, undefined, () => 1, 'x'.repeat(70000)]) {
    p.wire.publish('chat:lobby', bad, (error) => { errors.push(error.code); });
  }
  p.run(500);
  assert.deepStrictEqual(p.got, [{ text: 'now' }]);
  assert.deepStrictEqual(errors, ['bad-data', 'bad-data', 'bad-data', 'too-large']);
});

test('a promise where there are promises', async () => {
  const p = page({ env: { Promise } });
  const receipt = p.wire.publish('chat:lobby', 'x');
  const refused = p.wire.publish('chat:lobby', undefined);
  p.run(500);
  assert.strictEqual((await receipt).offset, 1);
  await assert.rejects(refused, { code: 'bad-data' });
  assert.strictEqual(p.wire.publish('chat:lobby', 'y', () => {}), undefined);
});

test('after close() nothing is sent, and the next connect() on the page goes on', () => {
  const p = page({ policy: { websocket: 'late:500' } });
  publish(p, 2);
  p.wire.close();
  p.run(5000);
  assert.deepStrictEqual(p.net.log.head('chat:lobby'), 0);
  const q = page({ kept: p.env, seed: 5 });
  q.run(1000);
  assert.deepStrictEqual(q.got, [0, 1]);
});

test('where nothing answers, what the page asks for ends with an error that says so', () => {
  const p = page({ policy: { me: 'deny' } });
  const errors = [];
  p.run(100);
  p.wire.rename('Ann', (error) => { errors.push(error.code); });
  p.run(20000);
  assert.deepStrictEqual(errors, ['network']);
});

test('signals, names, history and what a listener throws', () => {
  const p = page();
  const thrown = [];
  const names = [];
  p.run(100);
  p.env.setTimeout = (fn, ms) => p.clock.setTimeout(() => { try { fn(); } catch (error) { thrown.push(error.message); } }, ms);
  p.wire.rename('Ann', (error, user) => { names.push(error, user.name); });
  p.wire.subscribe('chat:other', {}, () => { throw new Error('of the page'); });
  p.run(100);
  assert.deepStrictEqual(names, [null, 'Ann']);
  p.net.log.publish('chat:other', 'a', 1);
  p.net.log.publish('chat:other', 'b', 2);
  p.run(100);
  assert.deepStrictEqual(thrown, ['of the page', 'of the page', 'of the page']);
  assert.strictEqual(p.wire.state, 'open');
});
