// The library's files as the server joins them, without a browser: the namespace that they fill.
'use strict';
const fs = require('fs');
const path = require('path');

const ROOT = path.join(__dirname, '..', '..');
const SOURCES = path.join(ROOT, 'static', 'js');

// The order stands in one place, the handler that joins the files.
function files() {
  const handler = fs.readFileSync(path.join(ROOT, 'handlers', 'script.py'), 'utf8');
  return /FILES = \(([^)]*)\)/.exec(handler)[1].match(/[a-z-]+\.js/g);
}

function source(name) {
  return fs.readFileSync(path.join(SOURCES, name), 'utf8');
}

function load() {
  const anywire = {};
  for (const name of files()) { new Function('anywire', 'window', source(name))(anywire, null); }
  return anywire;
}

module.exports = { files, source, load, ROOT, SOURCES };
