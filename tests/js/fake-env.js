// A browser's surroundings with a clock that only the test moves, seeded randomness and storage in memory.
'use strict';

function seeded(seed) {
  let state = seed >>> 0;
  return function () { // mulberry32
    state = (state + 0x6D2B79F5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function storage() {
  const items = new Map();
  return {
    getItem: (key) => (items.has(key) ? items.get(key) : null),
    setItem: (key, value) => { items.set(key, String(value)); },
    removeItem: (key) => { items.delete(key); }
  };
}

class Clock {
  constructor() {
    this.ms = 0;
    this.skippedMs = 0; // the wall clock runs ahead by this: the machine slept
    this.timers = [];
    this.soon = [];
    this.next = 1;
  }

  setTimeout(fn, ms) {
    const timer = { id: this.next, at: this.ms + Math.max(0, ms || 0), fn };
    this.next += 1;
    this.timers.push(timer);
    return timer.id;
  }

  clearTimeout(id) { this.timers = this.timers.filter((timer) => timer.id !== id); }

  settle() { while (this.soon.length) { this.soon.shift()(); } }

  run(ms) {
    const until = this.ms + ms;
    this.settle();
    for (;;) {
      let first = null;
      for (const timer of this.timers) {
        if (timer.at <= until && (!first || timer.at < first.at || (timer.at === first.at && timer.id < first.id))) { first = timer; }
      }
      if (!first) { break; }
      this.timers = this.timers.filter((timer) => timer !== first);
      this.ms = Math.max(this.ms, first.at);
      first.fn();
      this.settle();
    }
    this.ms = until;
  }
}

/** *network* brings the three constructors; *kept* the storages of an earlier page of the same tab. */
function fakeEnv(clock, network, seed, kept) {
  const random = seeded(seed || 1);
  const listeners = [];
  const env = {
    WebSocket: network.WebSocket,
    EventSource: network.EventSource,
    XMLHttpRequest: network.XMLHttpRequest,
    Promise: undefined,
    TextDecoder,
    AbortController,
    fetch: network.fetch,
    local: kept ? kept.local : storage(),
    session: kept ? kept.session : storage(),
    search: '',
    random,
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (id) => clock.clearTimeout(id),
    soon: (fn) => { clock.soon.push(fn); },
    now: () => clock.ms,
    time: () => 1795000000000 + clock.ms + clock.skippedMs,
    id: () => Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join(''),
    resolve: (url) => new URL(url, 'http://here.example/chat/lobby').href,
    form: (file) => { const form = new FormData(); form.append('file', file); return form; },
    scripts: () => [],
    offer: {},
    dataBlock: () => env.offer,
    cookies: '',
    getCookies: () => env.cookies,
    setCookie: (text) => { env.cookies += text + '; '; },
    marks: {},
    mark: (name, value) => { env.marks[name] = value; },
    hidden: false,
    isHidden: () => env.hidden,
    pageRttMs: () => 0,
    listen: (names, fn) => { listeners.push({ names, fn }); },
    fire: (name, event) => { listeners.forEach((entry) => { if (entry.names.includes(name)) { entry.fn(name, event || {}); } }); }
  };
  return env;
}

module.exports = { Clock, fakeEnv, seeded, storage };
