// The parser of event streams against WHATWG HTML section 9.2.6, wherever the text is cut.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { load } = require('./load.js');
const { seeded } = require('./fake-env.js');

const anywire = load();

function read(...pieces) {
  const events = [];
  const feed = anywire.eventStream((event) => { events.push(event); });
  pieces.forEach(feed);
  return { events, data: events.map((event) => event.data), retryMs: feed.retryMs };
}

const CASES = [
  // what, stream, data of its events
  ['a line', 'data: a\n\n', ['a']],
  ['several lines', 'data: YHOO\ndata: +2\ndata: 10\n\n', ['YHOO\n+2\n10']],
  ['line ends: LF, CR, CRLF', 'data: a\n\ndata: b\r\rdata: c\r\n\r\ndata: d\r\n\n', ['a', 'b', 'c', 'd']],
  ['LF CR are two line ends', 'data: a\n\rdata: b\n\n', ['a', 'b']],
  ['no blank line at the end', 'data: a\n\ndata: b\n', ['a']],
  ['no line end at the end', 'data: a\n\ndata: b', ['a']],
  ['comments', ': one\ndata: a\n:two\n: data: no\n\n', ['a']],
  ['one space after the colon is dropped, and no more', 'data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n', ['a', 'a', ' a', '\ta']],
  ['a field without colon', 'data\n\ndata\ndata\n\ndata:\n\n', ['', '\n', '']],
  ['colons in the value', 'data: a:b: c\n\n', ['a:b: c']],
  ['unknown fields, and other cases', 'DATA: a\nfoo: b\nfoo\n data: c\ndata : d\n\n', []],
  ['blank lines alone', '\n\n\r\r\r\n\r\n', []],
  ['an event without data is none', 'event: x\nid: 1\n\n', []],
  ['a byte order mark at the start alone', '\uFEFFdata: a\n\n\uFEFFdata: b\n\n', ['a']],
  ['line ends of other standards are text', 'data: a\u2028b\u2029c\u0085d\u000be\n\n', ['a\u2028b\u2029c\u0085d\u000be']],
  ['letters of any plane', 'data: \u00e9\u4f60\ud83d\ude00\ufffd\n\n', ['\u00e9\u4f60\ud83d\ude00\ufffd']],
  ['NUL in data', 'data: a\0b\n\n', ['a\0b']]
];

for (const [what, stream, data] of CASES) {
  test(what, () => {
    assert.deepStrictEqual(read(stream).data, data);
    assert.deepStrictEqual(read(...stream).data, data, 'one by one');
  });
}

test('types last for one event, ids until the next one', () => {
  const stream = 'event: add\ndata: 1\nid: 7\n\ndata: 2\n\nevent: x\n\ndata: 3\nid\n\ndata: 4\nid: a\0b\n\nid: 9\n\ndata: 5\n\n';
  assert.deepStrictEqual(read(stream).events, [
    { type: 'add', data: '1', lastEventId: '7' },
    { type: 'message', data: '2', lastEventId: '7' },
    { type: 'message', data: '3', lastEventId: '' },
    { type: 'message', data: '4', lastEventId: '' },
    { type: 'message', data: '5', lastEventId: '9' }
  ]);
});

test('retry is digits alone', () => {
  assert.strictEqual(read('retry: 1500\nretry: 3s\nretry: -1\nretry: \nretry\nretry: 1.5\n').retryMs, 1500);
  assert.strictEqual(read('retry: soon\n').retryMs, undefined);
});

test('an event comes with its blank line, not later', () => {
  for (const end of ['\n\n', '\r\r', '\r\n\r']) {
    assert.deepStrictEqual(read('data: a' + end).data, ['a']);
  }
  assert.deepStrictEqual(read('data: a\r\n\r', '\ndata: b\r\n\r', '', '\n').data, ['a', 'b']);
});

test('a line of a megabyte in small pieces', () => {
  const line = 'x'.repeat(1 << 20);
  assert.deepStrictEqual(read(...('data: ' + line + '\n\n').match(/[^]{1,37}/g)).data, [line]);
});

// A second reading of the standard, character by character.
function expected(text) {
  const events = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/).slice(0, -1);
  let data = [];
  let type = '';
  let id = '';
  for (const line of lines) {
    const match = /^([^:]*)(?::( ?)([^]*))?$/.exec(line);
    const value = match[3] || '';
    if (line === '') {
      if (data.length) { events.push({ type: type || 'message', data: data.join('\n'), lastEventId: id }); }
      data = [];
      type = '';
    } else if (match[1] === 'data') {
      data.push(value);
    } else if (match[1] === 'event') {
      type = value;
    } else if (match[1] === 'id' && !value.includes('\0')) {
      id = value;
    }
  }
  return events;
}

const PARTS = ['data', 'data:', 'data: ', 'event:', 'id:', 'id', 'retry: 10', ':', ' ', 'x', '{"a":1}',
  '\uFEFF', '\0', '\u00e9', '\u2028', '\ud83d\ude00', '\n', '\n', '\n', '\r', '\r', '\r\n', '\r\n', '\n\n', '\r\n\r\n'];

test('property: any transcript, cut anywhere, gives what the whole gives', () => {
  let count = 0;
  for (let seed = 1; seed <= 3000; seed += 1) {
    const random = seeded(seed);
    const text = Array.from({ length: 40 }, () => PARTS[Math.floor(random() * PARTS.length)]).join('');
    const whole = expected(text);
    const pieces = [];
    for (let at = 0; at < text.length;) {
      const next = at + Math.floor(random() * random() * 12);
      pieces.push(text.slice(at, next));
      at = next;
    }
    assert.deepStrictEqual(read(text).events, whole, 'seed ' + seed);
    assert.deepStrictEqual(read(...pieces).events, whole, 'seed ' + seed + ', cut');
    count += whole.length;
  }
  assert.ok(count > 3000, String(count));
});
