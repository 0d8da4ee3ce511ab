// The surroundings of a browser of 2009: a realm of its own with nothing beyond ES3 and JSON, attachEvent alone, storage that
// throws when it is looked at; over the fake network and by the fake clock. The *served* file runs in it.
'use strict';
const fs = require('fs');
const vm = require('vm');
const { Clock, seeded } = require('./fake-env.js');
const { Network } = require('./fake-server.js');

const SERVED = process.env.ANYWIRE_JS;

// What such a browser's language has; the rest of the realm's own goes.
const GLOBALS = ['Object', 'Function', 'Array', 'String', 'Boolean', 'Number', 'Date', 'RegExp', 'Math', 'JSON', 'Error', 'TypeError',
  'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError', 'NaN', 'Infinity', 'undefined', 'parseInt', 'parseFloat', 'isNaN',
  'isFinite', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape', 'eval'];
const METHODS = {
  Array: ['constructor', 'concat', 'join', 'length', 'pop', 'push', 'reverse', 'shift', 'slice', 'sort', 'splice', 'unshift', 'toString'],
  String: ['constructor', 'charAt', 'charCodeAt', 'concat', 'indexOf', 'lastIndexOf', 'length', 'match', 'replace', 'search', 'slice', 'split',
    'substring', 'substr', 'toLowerCase', 'toUpperCase', 'toString', 'valueOf'],
  Function: ['constructor', 'apply', 'call', 'toString', 'length', 'name'],
  Object: ['constructor', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable', 'toString', 'toLocaleString', 'valueOf']
};

function strip(global) {
  for (const [owner, kept] of Object.entries(METHODS)) {
    const { prototype } = global[owner];
    for (const key of Reflect.ownKeys(prototype)) {
      if (typeof key === 'string' && !kept.includes(key)) { delete prototype[key]; }
    }
    for (const key of Object.getOwnPropertyNames(global[owner])) {
      if (!['prototype', 'length', 'name', 'fromCharCode'].includes(key)) { Reflect.deleteProperty(global[owner], key); }
    }
  }
  for (const name of Object.getOwnPropertyNames(global)) {
    if (!GLOBALS.includes(name)) { delete global[name]; }
  }
}

function elementOf(marks) {
  return { setAttribute: (name, value) => { marks[name] = value; }, getAttribute: (name) => marks[name] };
}

/** policy: of the network; search: of the page's address; lacking: names of constructors that aren't there. */
function oldPage({ policy, search, lacking } = {}) {
  const clock = new Clock();
  const net = new Network(clock, seeded(7));
  Object.assign(net.policy, policy);
  const marks = {};
  const heard = {};
  const attach = (name, fn) => { heard[name] = (heard[name] || []).concat(fn); };
  const realm = vm.createContext({});
  const window = vm.runInContext('this', realm);
  strip(window);
  const document = {
    documentElement: elementOf(marks),
    cookie: '',
    attachEvent: attach,
    getElementById: () => null,
    getElementsByTagName: () => [{ src: 'http://here.example/anywire.js' }],
    querySelectorAll: () => [],
    createElement: () => {
      const link = {};
      Object.defineProperty(link, 'href', {
        get: () => link.to, set: (url) => { link.to = new URL(url, 'http://here.example/chat/lobby').href; }
      });
      return link;
    }
  };
  Object.assign(window, {
    window, document, navigator: {}, location: { search: search || '', href: 'http://here.example/chat/lobby' + (search || '') },
    attachEvent: attach,
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (id) => clock.clearTimeout(id),
    WebSocket: net.WebSocket, EventSource: net.EventSource, XMLHttpRequest: net.XMLHttpRequest
  });
  for (const name of lacking || []) { delete window[name]; }
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, { get: () => { throw new Error('storage is forbidden'); } });
  }
  // The realm's own clock is the test's.
  window.nowMs = () => 1795000000000 + clock.ms;
  vm.runInContext('Date = function () { this.valueOf = function () { return nowMs(); }; };', realm);
  vm.runInContext(fs.readFileSync(SERVED, 'utf8'), realm, { filename: 'anywire.js' });
  return { window, net, clock, marks, heard, run: (ms) => clock.run(ms), evaluate: (code) => vm.runInContext(code, realm) };
}

module.exports = { oldPage, SERVED };
