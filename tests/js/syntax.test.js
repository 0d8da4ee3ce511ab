// The served script must parse in the browsers that need the fallbacks most: ES5, and as far as a parser can tell ES3.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { files, source, ROOT, SOURCES } = require('./load.js');

const PAGES = path.join(SOURCES, 'pages');
// The parsers of old Internet Explorers take reserved words not even as names of properties.
const ENGINES = [{ ecmaVersion: 3, allowReserved: 'never' }, { ecmaVersion: 5 }];
const acornPath = path.join(ROOT, 'build', 'node', 'node_modules', 'acorn');

test('every file and the joined script parse as ES3 and ES5', { skip: !fs.existsSync(acornPath) && 'acorn is not installed' }, () => {
  const acorn = require(acornPath);
  const served = process.env.ANYWIRE_JS ? fs.readFileSync(process.env.ANYWIRE_JS, 'utf8') : files().map(source).join('');
  for (const options of ENGINES) {
    for (const name of files()) { acorn.parse(source(name), options); }
    acorn.parse(served, options);
  }
});

test('every script of the pages parses as ES3 and ES5', { skip: !fs.existsSync(acornPath) && 'acorn is not installed' }, () => {
  const acorn = require(acornPath);
  const names = fs.readdirSync(PAGES).filter((name) => /\.js$/.test(name));
  assert.ok(names.length > 20);
  for (const name of names) {
    const text = fs.readFileSync(path.join(PAGES, name), 'utf8');
    for (const options of ENGINES) { assert.doesNotThrow(() => acorn.parse(text, options), undefined, name); }
  }
});

test('the gate knows what old parsers stumble over', { skip: !fs.existsSync(acornPath) && 'acorn is not installed' }, () => {
  const acorn = require(acornPath);
  for (const code of ['a.catch(b)', 'a = {default: 1}', 'a = {b: 1,}', 'a.finally()', 'a = {get b() { return 1; }}']) {
    assert.throws(() => acorn.parse(code, ENGINES[0]), undefined, code);
  }
  for (const code of ['let a', '(a) => a', 'a = `b`', 'f(a,)', 'a?.b']) { assert.throws(() => acorn.parse(code, ENGINES[1]), undefined, code); }
});

test('every file of the folder is served', () => {
  const there = fs.readdirSync(SOURCES).filter((name) => /\.js$/.test(name));
  assert.deepStrictEqual(there.sort(), files().slice().sort());
});

test('nothing is used that old engines lack', () => {
  const lacking = /\.(bind|forEach|map|reduce|includes|startsWith|trim|assign|now)\(|Object\.keys|typeof [^=]*=== 'function'|\bconsole\b|\bfetch\b(?!:)/;
  for (const name of files()) {
    source(name).split('\n').forEach((line, i) => {
      assert.ok(!lacking.test(line.replace(/\/\/.*|^\s*\*.*/, '').replace(/(env|performance|server)\.now\(|(env|window|this)\.fetch/g, '')), name + ':' + (i + 1) + ' ' + line);
    });
  }
});

test('globals of the browser are named in env.js and global.js alone', () => {
  const named = /\b(window|document|navigator|localStorage|sessionStorage|location)\b[.[]|(^|[^.\w])(setTimeout|clearTimeout|Date|XMLHttpRequest|WebSocket|EventSource|Promise)\(/;
  for (const name of files()) {
    if (name === 'env.js' || name === 'global.js') { continue; }
    source(name).split('\n').forEach((line, i) => {
      assert.ok(!named.test(line.replace(/\/\/.*|^\s*\*.*/, '')), name + ':' + (i + 1) + ' ' + line);
    });
  }
});
