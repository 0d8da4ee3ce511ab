// A job is followed by its channel to its end, by as many listeners as want to, and let go then.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

const WIRES = ['websocket', 'sse', 'long-poll', 'short-poll'];

function follow(p, id) {
  const seen = { states: [], errors: [] };
  seen.job = p.wire.job(id, (state) => { seen.states.push(state.state + ' ' + state.done); }, (error) => { seen.errors.push(error.code); });
  return seen;
}

const set = (p, id, state, done) => p.net.log.setState('job:' + id, { state, done });

for (const name of WIRES) {
  test('the current state first, then what comes, and no wire after the end, over ' + name, () => {
    const p = page({ follow: false, search: '?transport=' + name });
    set(p, 'one', 'running', 5);
    const seen = follow(p, 'one');
    p.run(3000);
    assert.deepStrictEqual(seen.states, ['running 5']);
    set(p, 'one', 'running', 6);
    p.run(3000);
    set(p, 'one', 'stalled', 6);
    p.run(3000);
    set(p, 'one', 'done', 7);
    p.run(3000);
    assert.deepStrictEqual(seen.states, ['running 5', 'running 6', 'stalled 6', 'done 7']);
    assert.strictEqual(p.wire.state, 'waiting');
    assert.strictEqual(p.net.open.size, 0);
    assert.deepStrictEqual(seen.errors, []);
  });

  test('an unknown job is told, whatever its name, and the others go on, over ' + name, () => {
    const p = page({ follow: false, search: '?transport=' + name });
    set(p, 'one', 'running', 1);
    const seen = follow(p, 'one');
    const others = ['gone', 'no/such job?&sub=chat:x', 'x'.repeat(300)].map((id) => follow(p, id));
    p.run(3000);
    assert.deepStrictEqual(others.map((other) => other.errors), [['not-found'], ['not-found'], ['not-found']]);
    set(p, 'one', 'running', 2);
    p.run(3000);
    assert.deepStrictEqual(seen.states, ['running 1', 'running 2']);
    assert.match(p.net.urls[0], /sub=job%3Ano-such-job--sub-chat-x&/);
  });
}

test('a second listener gets the current state at once, a third after the end gets it anew', () => {
  const p = page({ follow: false });
  set(p, 'one', 'running', 5);
  const first = follow(p, 'one');
  p.run(100);
  const second = follow(p, 'one');
  p.run(1);
  assert.deepStrictEqual(second.states, ['running 5']);
  second.job.stop();
  set(p, 'one', 'failed', 5);
  p.run(100);
  const third = follow(p, 'one');
  p.run(100);
  assert.deepStrictEqual(first.states, ['running 5', 'failed 5']);
  assert.deepStrictEqual(second.states, ['running 5']);
  assert.deepStrictEqual(third.states, ['failed 5']);
});

test('cancelling', () => {
  const p = page({ follow: false });
  p.wire.run('import', {}, {});
  p.run(100);
  const seen = follow(p, 'j1');
  const answers = [];
  seen.job.cancel((error, state) => { answers.push(error && error.code, state && state.state); });
  follow(p, 'none').job.cancel((error) => { answers.push(error.code); });
  p.run(100);
  assert.deepStrictEqual(answers, [null, 'cancelled', 'not-found']);
  assert.match(seen.states.pop(), /^cancelled/);
});

test('a connection beside the page\'s own leaves the marks and the unsent messages to it', () => {
  const p = page({ policy: { websocket: 'swallow', sse: 'swallow', 'long-poll': 'swallow', 'short-poll': 'swallow' } });
  p.wire.publish('chat:lobby', 'unsent', () => {});
  p.run(100);
  p.env.isConnected = true;
  const marks = { ...p.env.marks };
  const aside = p.anywire.client(p.env, './', { isAside: true });
  aside.job('none', () => {}, () => {});
  p.run(100);
  p.env.fire('pagehide');
  assert.deepStrictEqual(p.env.marks, { ...marks, state: 'waiting' });
  assert.deepStrictEqual(page({ kept: p.env, follow: false }).wire.pending('chat:lobby').map((entry) => entry.data), ['unsent']);
});
