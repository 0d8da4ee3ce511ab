// Channels come and go, are shared within a page, and may be more than a URL can name.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

const WIRES = ['websocket', 'sse', 'long-poll', 'short-poll'];

for (const name of WIRES) {
  test('a channel added and dropped later, over ' + name, () => {
    const p = page({ search: '?transport=' + name });
    const other = [];
    p.run(3000);
    p.net.log.publish('chat:two', 'a', 'before');
    const two = p.wire.subscribe('chat:two', { history: 5 }, (event) => { if (event.type === 'message') { other.push(event.data); } });
    p.run(2500);
    p.net.log.publish('chat:two', 'b', 'while');
    p.say('here');
    p.run(2500);
    two.unsubscribe();
    p.run(2500);
    p.net.log.publish('chat:two', 'c', 'after');
    p.run(2500);
    assert.deepStrictEqual(other, ['before', 'while']);
    assert.deepStrictEqual(p.got, ['here']);
    assert.strictEqual(p.net.open.size, name === 'short-poll' ? 0 : 1);
  });

  test('a channel dropped and asked for again in the same turn begins anew, over ' + name, () => {
    const p = page({ search: '?transport=' + name, follow: false });
    const again = [];
    const first = p.follow();
    p.say('before');
    p.run(3000);
    first.unsubscribe();
    p.wire.subscribe('chat:lobby', { history: 5 }, (event) => { again.push(event.data || event.type); });
    p.run(2500);
    p.say('after');
    p.run(2500);
    assert.deepStrictEqual(again, ['subscribed', 'before', 'after']);
    assert.deepStrictEqual(p.got, ['before']);
  });

  test('two hundred channels with long names, over ' + (name === 'sse' ? 'a poll instead of sse' : name), () => {
    const p = page({ options: { transports: [name, 'short-poll'] } });
    const seen = new Set();
    for (let i = 0; i < 200; i += 1) {
      p.wire.subscribe('chat:' + 'x'.repeat(60) + i, {}, (event) => { if (event.type === 'message') { seen.add(event.channel); } });
    }
    p.run(3000);
    for (let i = 0; i < 200; i += 1) { p.net.log.publish('chat:' + 'x'.repeat(60) + i, 'id' + i, i); }
    p.run(3000);
    assert.strictEqual(seen.size, 200);
    assert.strictEqual(p.wire.transport, name === 'sse' ? 'short-poll' : name);
  });
}

test('subscribers of one channel share it; the later ones get what comes from now on', () => {
  const p = page();
  const late = [];
  p.say('first');
  p.run(500);
  p.wire.subscribe('chat:lobby', { history: 50 }, (event) => { late.push(event.type + ' ' + (event.data || event.position)); });
  p.run(500);
  p.say('second');
  p.run(500);
  assert.deepStrictEqual(late, ['subscribed e0001-1', 'message second']);
  assert.deepStrictEqual(p.got, ['first', 'second']);
  assert.deepStrictEqual(p.net.requests, ['websocket']);
});

test('the last subscriber that leaves closes the wire, and the next one opens it', () => {
  const p = page({ follow: false });
  const one = p.follow();
  p.run(500);
  one.unsubscribe();
  p.run(500);
  assert.strictEqual(p.net.open.size, 0);
  p.say('unheard');
  p.follow({ after: 'e0001-0' });
  p.run(500);
  assert.deepStrictEqual(p.got, ['unheard']);
});

test('a channel that is refused is told once and asked for no more; the others go on', () => {
  const p = page();
  const errors = [];
  p.wire.subscribe('room:secret', {}, (event) => { errors.push(event.code); });
  p.run(100);
  for (const connection of p.net.open) {
    connection.send({ type: 'error', code: 'forbidden', channel: 'room:secret', message: 'No.' });
    connection.send({ type: 'error', code: 'forbidden', channel: 'room:secret', message: 'No.' });
  }
  p.run(100);
  p.net.dropAll();
  p.run(1000);
  assert.deepStrictEqual(errors.filter(Boolean), ['forbidden']);
  assert.ok(!/secret/.test(p.net.urls[1]));
  p.say('on');
  p.run(100);
  assert.deepStrictEqual(p.got, ['on']);
});

test('a hidden page asks less often, and at once when it is seen', () => {
  const p = page({ search: '?transport=short-poll' });
  p.run(20000);
  const seen = p.count('short-poll');
  p.env.hidden = true;
  p.run(60000);
  assert.ok(p.count('short-poll') - seen < 10);
  p.say('news');
  p.env.hidden = false;
  p.env.fire('visibilitychange');
  p.run(50);
  assert.deepStrictEqual(p.got, ['news']);
});

test('what can be recovered on another wire is not given up by the one beside it', () => {
  const p = page({ policy: { websocket: 'late:900' } });
  p.say(1);
  p.run(500);
  for (const connection of p.net.open) {
    if (connection.transport === 'websocket') {
      connection.send({ type: 'subscribed', channel: 'chat:lobby', position: 'e0001-40', recovered: false });
    }
  }
  p.run(100);
  p.say(2);
  p.run(3000);
  assert.deepStrictEqual(p.got, [1, 2]);
  assert.ok(!p.log.some(([, name]) => name === 'gap'));
  assert.strictEqual(p.wire.transport, 'websocket');
});
