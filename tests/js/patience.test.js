// What a client must not do however bad it gets: wait for what is dead, ask without a pause, or pass over a server's wish.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page } = require('./page.js');

const POLLS_DENIED = { 'long-poll': 'deny', 'short-poll': 'deny' };

/** The connections that are open hear nothing more, and nobody tells. */
function deafen(p) { for (const connection of p.net.open) { connection.send = () => {}; } }

const WAKES = {
  online: (p) => { p.env.fire('online'); },
  resume: (p) => { p.env.fire('resume'); },
  'a jump of the clock': (p) => { p.clock.skippedMs += 600000; },
  'being thawed and then seen': (p) => {
    p.env.hidden = true;
    p.run(3000);
    p.env.fire('resume');
    p.run(10);
    p.env.hidden = false;
    p.env.fire('visibilitychange');
  },
  'being seen again': (p) => {
    p.env.hidden = true;
    p.run(16000);
    p.env.hidden = false;
    p.env.fire('visibilitychange');
  }
};
for (const how of Object.keys(WAKES)) {
  for (const fate of ['swallow', 'deny', 'silent', 'ok']) {
    test('after ' + how + ' where a WebSocket fares thus: ' + fate + ', all is there within a second', () => {
      const p = page();
      p.run(5000);
      deafen(p);
      p.net.policy.websocket = fate;
      p.say('missed');
      WAKES[how](p);
      const woke = p.clock.ms;
      assert.ok(p.until(() => p.got.length > 0, 1000), 'nothing after ' + (p.clock.ms - woke) + ' ms');
      assert.strictEqual(p.wire.transport, fate === 'ok' ? 'websocket' : 'sse');
    });
  }
}

test('an event that is heard on the window and on the document wakes once', () => {
  const p = page({ search: '?transport=long-poll' });
  p.run(5000);
  const asked = p.count('long-poll');
  const event = {};
  p.env.fire('visibilitychange', event);
  p.env.fire('visibilitychange', event);
  p.run(20);
  assert.strictEqual(p.count('long-poll'), asked + 1);
});

for (const cutMs of [1, 20, 300, 3000]) {
  for (const [what, policy, options] of [
    ['streams alone', {}, { transports: ['websocket', 'sse'] }],
    ['polls refused', POLLS_DENIED, {}],
    ['one transport', {}, { transports: ['websocket'] }]
  ]) {
    test('streams that break after ' + cutMs + ' ms, ' + what + ': no storm', () => {
      const p = page({ policy: { websocket: 'cut:' + cutMs, sse: 'cut:' + cutMs, ...policy }, options });
      p.run(60000);
      for (const name of ['websocket', 'sse', 'long-poll']) { assert.ok(p.count(name) <= 20, name + ' ' + p.count(name)); }
      p.run(540000);
      for (const name of ['websocket', 'sse', 'long-poll']) { assert.ok(p.count(name) <= 150, name + ' ' + p.count(name)); }
      for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'ok'; }
      p.say('at last');
      assert.ok(p.until(() => p.got.length > 0, 15000));
    });
  }
}

test('a wait that the server asks for holds although another wire fails meanwhile', () => {
  const p = page({ policy: { websocket: 'swallow', sse: 'deny', 'long-poll': 'status:503', 'short-poll': 'status:503' } });
  p.net.retryAfter = 60;
  p.run(58000);
  assert.deepStrictEqual(p.net.requests.filter((name) => name !== 'publish'), ['websocket', 'sse', 'long-poll']);
  p.run(4000);
  assert.ok(p.net.requests.length > 3);
});

test('what stands in for a doubtful wire ends with the server\'s wish for patience', () => {
  const p = page();
  p.run(3000);
  deafen(p);
  Object.assign(p.net.policy, { websocket: 'swallow', sse: 'deny', 'long-poll': 'status:503', 'short-poll': 'status:503', publish: 'status:503' });
  p.net.retryAfter = 30;
  p.wire.publish('chat:lobby', 'mine', () => {});
  p.run(9000);
  assert.deepStrictEqual(p.net.requests, ['websocket', 'sse', 'long-poll']);
});

test('told to wait, a page that wakes up waits', () => {
  const p = page({ search: '?transport=long-poll' });
  p.run(8000);
  p.net.retryAfter = 30;
  p.net.policy['long-poll'] = 'status:503';
  const asked = p.count('long-poll');
  p.env.fire('online');
  p.run(10000);
  p.env.fire('online');
  p.run(10000);
  assert.ok(p.count('long-poll') <= asked + 2, String(p.count('long-poll') - asked));
});
