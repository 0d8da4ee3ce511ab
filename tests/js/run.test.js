// A task's items come each once and in order, and it is one job, whatever becomes of the stream that brings them.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { page, seeded } = require('./page.js');

const OLD = { fetch: undefined }; // a browser without fetch

/** A page that runs one task, and what it was told. */
function running(settings, options, body) {
  const p = page({ follow: false, ...settings });
  const told = { items: [], states: [], ends: [] };
  p.start = (more) => p.wire.run('import', body || { records: [] }, {
    onItem: (item) => { told.items.push(item); },
    onState: (state) => { told.states.push(state.state); },
    onEnd: (error, result) => { told.ends.push([error && error.code, result]); },
    ...options, ...more
  });
  p.told = told;
  p.start();
  return p;
}

function isWhole(p, what) {
  assert.deepStrictEqual(p.told.items, Array.from(p.net.runs.jobs.values())[0].items, what);
  assert.strictEqual(p.told.items.length, p.net.runs.count, what);
  assert.deepStrictEqual(p.told.items.map((item) => item.index), Array.from({ length: p.net.runs.count }, (_, i) => i), what);
  assert.deepStrictEqual(p.told.ends, [[null, { rows: 20 }]], what);
  assert.strictEqual(p.net.runs.jobs.size, 1, what);
  assert.strictEqual(p.told.states[p.told.states.length - 1], 'done', what);
}

test('by fetch: items as they come, no other request', () => {
  const p = running();
  p.run(320);
  assert.strictEqual(p.told.items.length, 10);
  assert.deepStrictEqual(p.told.ends, []);
  p.run(1000);
  isWhole(p);
  assert.deepStrictEqual(p.net.requests, ['fetch']);
  assert.match(p.net.urls[0], /^http:\/\/here\.example\/chat\/v1\/run\/import\?stream=true&id=[0-9a-f]{32}&_=/);
  assert.strictEqual(p.net.open.size, 0);
});

test('without fetch: by the growing text of an XMLHttpRequest', () => {
  const p = running({ env: OLD });
  p.run(320);
  assert.strictEqual(p.told.items.length, 10);
  p.run(1000);
  isWhole(p);
  assert.deepStrictEqual(p.net.requests, ['stream']);
});

test('where nothing can be read before the end, all comes with it', () => {
  for (const policy of [{ stream: 'early' }, { stream: 'buffer' }]) {
    const p = running({ env: OLD, policy });
    p.run(320);
    assert.deepStrictEqual(p.told.items, []);
    p.run(1000);
    isWhole(p);
    assert.deepStrictEqual(p.net.requests, ['stream']);
  }
});

test('where no stream gets through: the job alone, and its channel', () => {
  for (const fate of ['deny', 'page', 'status:502']) {
    const p = running({ policy: { fetch: fate, stream: fate } });
    p.run(5000);
    isWhole(p, fate);
    assert.deepStrictEqual(p.net.requests.slice(0, 3), ['fetch', 'stream', 'alone']);
  }
});

test('a stream that is swallowed is given up, and what follows joins the job', () => {
  const p = running({ policy: { fetch: 'swallow' } });
  p.run(4500);
  assert.deepStrictEqual(p.net.requests, ['fetch']);
  p.run(5000);
  isWhole(p);
  assert.deepStrictEqual(p.net.requests, ['fetch', 'stream']);
});

for (const [name, settings] of [['fetch', {}], ['stream', { env: OLD }]]) {
  test('a cut ' + name + ' goes on by the channel and the list of items', () => {
    const p = running({ ...settings, policy: { [name]: 'cut:300' } });
    p.run(5000);
    isWhole(p);
    assert.strictEqual(p.count(name), 1);
    assert.ok(p.count('items') > 1);
    assert.strictEqual(p.count('websocket'), 1);
    assert.strictEqual(p.net.open.size, 0, 'the channel is let go');
  });

  test('a ' + name + ' that falls silent is left after one and a half heartbeats', () => {
    const p = running({ ...settings, env: { ...settings.env, offer: { heartbeat: 2000 } }, policy: { [name]: 'freeze:300' } });
    p.run(3250);
    assert.strictEqual(p.told.items.length, 9);
    p.run(500);
    isWhole(p);
  });
}

for (const [what, fate, ms] of [['one by one', 'ok', 200], ['with all the rest at once', 'early', 2000]]) {
  test('items that were lost on the way are fetched, if others came ' + what, () => {
    const p = running({ env: OLD }, { id: 'a'.repeat(32) });
    p.run(ms);
    const q = running({ env: OLD, network: p.net, clock: p.clock, policy: { stream: fate } }, { id: 'a'.repeat(32) });
    p.net.runs.skips = 2;
    p.run(2000);
    isWhole(p);
    isWhole(q);
    assert.ok(p.count('items') > 0);
  });
}

test('a stream that is cut between the final state and the end has ended', () => {
  const p = running({ policy: { fetch: 'endless' } });
  p.run(2000);
  isWhole(p);
  assert.strictEqual(p.told.states.filter((state) => state === 'done').length, 1);
});

test('items that are no longer kept are no endless search', () => {
  const p = running({ policy: { fetch: 'cut:200' } });
  p.run(300);
  Array.from(p.net.runs.jobs.values())[0].items.splice(0, 12);
  p.net.runs.count = 8;
  p.run(3000);
  assert.strictEqual(p.told.ends.length, 1);
  assert.ok(p.count('items') < 10, String(p.count('items')));
});

test('a request that is given up while its answer is read tells nothing more', () => {
  const p = running({ env: OLD, policy: { stream: 'early' } });
  const done = [];
  p.run(100);
  const text = (piece) => { if (piece) { request.abort(); } };
  const options = { url: p.net.urls[0], body: '{}', timeoutMs: 9000, quietMs: 9000, text };
  const request = p.anywire.request(p.env, options, (result) => { done.push(result); });
  p.run(5000);
  assert.deepStrictEqual(done, []);
});

test('the job\'s channel may come over any wire', () => {
  for (const name of ['websocket', 'sse', 'long-poll', 'short-poll']) {
    const p = running({ search: '?transport=' + name, policy: { fetch: 'cut:100' } });
    p.run(10000);
    isWhole(p, name);
    assert.ok(p.count(name) > 0);
  }
});

test('a failed task: its items, then its error, with and without a stream', () => {
  for (const policy of [{}, { fetch: 'cut:200' }]) {
    const p = running({ policy });
    p.net.runs.outcome = { state: 'failed', note: 'No more room.' };
    p.run(3000);
    assert.strictEqual(p.told.items.length, 20);
    assert.deepStrictEqual(p.told.ends, [['failed', undefined]]);
    assert.strictEqual(p.told.states.pop(), 'failed');
  }
});

test('what can never succeed ends at once; what asks for patience is asked again, by the same way', () => {
  const p = running({ policy: { fetch: 'status:404' } });
  p.run(1000);
  assert.deepStrictEqual(p.told.ends, [['not-found', undefined]]);
  assert.deepStrictEqual(p.net.requests, ['fetch']);

  const q = running({ policy: { fetch: 'status:503' } });
  q.net.retryAfter = '2';
  q.run(1900);
  assert.deepStrictEqual(q.net.requests, ['fetch']);
  q.net.policy.fetch = 'ok';
  q.run(3000);
  isWhole(q);
  assert.deepStrictEqual(q.net.requests, ['fetch', 'fetch']);
});

test('where nothing answers, it is given up with an error', () => {
  const p = running({ policy: { fetch: 'deny', stream: 'deny', alone: 'deny' } });
  p.run(120000);
  assert.deepStrictEqual(p.told.ends, [['network', undefined]]);
  assert.strictEqual(p.net.requests.length, 11);
  assert.strictEqual(new Set(p.net.urls.map((url) => /&?id=([0-9a-f]{32})/.exec(url)[1])).size, 1);
});

test('bodies: objects, nothing, texts, files and forms', () => {
  const sent = (body, options) => {
    const p = running({ env: OLD }, options, body);
    const types = [];
    const request = p.net.request.bind(p.net);
    p.net.request = (xhr) => {
      request(xhr);
      xhr.setRequestHeader = (name, value) => { types.push(name + ': ' + value); };
      return xhr;
    };
    p.run(100);
    return [Array.from(p.net.runs.jobs.values())[0].text, types[0]];
  };
  assert.deepStrictEqual(sent({ records: [{ a: 1 }] }), ['{"records":[{"a":1}]}', 'Content-Type: application/json']);
  assert.deepStrictEqual(sent('{"records":[]}'), ['{"records":[]}', 'Content-Type: application/json']);
  assert.deepStrictEqual(sent('[object File]', { contentType: 'text/csv' }), ['[object File]', 'Content-Type: text/csv']);
  const [file, type] = sent(new Blob(['a,b\n']));
  assert.strictEqual(file.get('file').size, 4);
  assert.strictEqual(type, undefined);
  const form = new FormData();
  assert.deepStrictEqual(sent(form), [form, undefined]);
});

test('a promise of the result where there are promises', async () => {
  const p = page({ follow: false, env: { Promise } });
  const done = p.wire.run('import', {});
  p.run(2000);
  assert.deepStrictEqual(await done, { rows: 20 });
  p.net.policy.fetch = 'status:404';
  const refused = p.wire.run('import', {});
  p.run(2000);
  await assert.rejects(refused, { code: 'not-found' });
});

test('property: each item once and in order, one job, one end, over 300 networks', () => {
  const fates = ['ok', 'ok', 'deny', 'status:503', 'page', 'cut:40', 'cut:250', 'cut:500', 'freeze:100', 'buffer', 'early', 'swallow'];
  const ways = new Set();
  let given = 0; // up
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seeded(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const p = running({ seed, env: random() < 0.5 ? OLD : { offer: { heartbeat: 2000 } } });
    p.net.jitterMs = random() * 60;
    p.net.runs.count = Math.floor(random() * 60);
    p.net.runs.everyMs = pick([1, 5, 30]);
    for (let step = 0; step < 60; step += 1) {
      for (const name of ['fetch', 'stream', 'alone', 'items', 'websocket', 'sse', 'long-poll']) {
        const possible = name === 'items' ? ['ok', 'ok', 'deny', 'status:503'] : fates.slice(0, /stream|fetch/.test(name) ? 12 : 4);
        if (random() < 0.2) { p.net.policy[name] = pick(possible); }
      }
      p.net.lostAnswers = random() < 0.3 ? 0.3 : 0;
      if (random() < 0.1) { p.net.dropAll(); }
      p.run(random() * 200);
    }
    for (const name of Object.keys(p.net.policy)) { p.net.policy[name] = 'ok'; }
    p.net.lostAnswers = 0;
    p.run(900000);
    p.net.requests.forEach((name) => ways.add(name));
    if (p.told.ends.length === 1 && p.told.ends[0][0] === 'network') { given += 1; continue; }
    isWhole(p, 'seed ' + seed);
    assert.strictEqual(p.net.open.size, 0, 'seed ' + seed);
  }
  assert.ok(given < 30, String(given));
  assert.ok(['fetch', 'stream', 'alone', 'items'].every((way) => ways.has(way)));
});
