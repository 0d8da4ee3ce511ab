// The served script must parse in the browsers that need the fallbacks most: ES5, and as far as a parser can tell ES3.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { files, source, ROOT, SOURCES } = require('./load.js');

const acornPath = path.join(ROOT, 'build', 'node', 'node_modules', 'acorn');

test('every file and the joined script parse as ES3 and ES5', { skip: !fs.existsSync(acornPath) && 'acorn is not installed' }, () => {
  const acorn = require(acornPath);
  const served = process.env.ANYWIRE_JS ? fs.readFileSync(process.env.ANYWIRE_JS, 'utf8') : files().map(source).join('');
  for (const ecmaVersion of [3, 5]) {
    for (const name of files()) { acorn.parse(source(name), { ecmaVersion }); }
    acorn.parse(served, { ecmaVersion });
  }
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
