// A server of the protocol in memory, and the network before it with its faults. `policy` says how each of
// websocket, sse, long-poll, short-poll and publish fares, and of a task fetch, its stream (by XMLHttpRequest), the job
// alone (without a stream), and the items:
//   'ok'        'deny' (fails at once)   'swallow' (no answer ever)   'status:503' (an HTTP answer)
//   'silent' (a stream opens, nothing comes)   'hello-only' (then nothing more)   'late:MS' (the handshake takes so long)
//   'behind' (each event of a stream waits for the next one)   'lag:MS' (the events of a stream come so much later)
//   'cut:MS' (every connection or held request dies after so long)   'freeze:MS' (goes silent after so long)
'use strict';
const { Log } = require('./fake-log.js');
const { Runs } = require('./fake-runs.js');

const HEARTBEAT_MS = 15000;

class Network {
  constructor(clock, random) {
    this.clock = clock;
    this.random = random || (() => 0.5);
    this.log = new Log();
    this.policy = { websocket: 'ok', sse: 'ok', 'long-poll': 'ok', 'short-poll': 'ok', publish: 'ok',
      fetch: 'ok', stream: 'ok', alone: 'ok', items: 'ok' };
    this.delayMs = 5; // each way
    this.jitterMs = 0;
    this.heartbeatMs = HEARTBEAT_MS;
    this.pollMs = 2000;
    this.user = { id: 'u_1', name: 'Guest' };
    this.network = 'n_1';
    this.requests = []; // what reached the network: 'websocket', 'sse', 'long-poll', …
    this.urls = [];
    this.open = new Set();
    this.lostAnswers = 0; // share of poll and publish answers that are dropped after the server did its part
    this.retryAfter = null;
    const network = this;
    this.WebSocket = function (url) { return network.webSocket(this, url); };
    this.EventSource = function (url) { return network.eventSource(this, url); };
    this.XMLHttpRequest = function () { return network.request(this); };
    this.runs = new Runs(this);
    this.fetch = (url, options) => this.runs.fetch(url, options);
  }

  delay() { return this.delayMs + this.random() * this.jitterMs; }

  fate(kind, url) {
    const [word, arg] = this.policy[kind].split(':');
    this.requests.push(kind);
    this.urls.push(url);
    return { word, ms: Number(arg) };
  }

  dropAll() { for (const connection of Array.from(this.open)) { connection.die(); } }

  hello(transport) {
    return { type: 'hello', transport, connection: 'c_1', heartbeat: this.heartbeatMs, network: this.network, user: this.user };
  }

  /** A connection that pushes: what the server sends arrives in order, after a delay, until it is cut or frozen. */
  stream(transport, url, fate, receive, onDeath) {
    const network = this;
    const clock = this.clock;
    const subscribed = new Map();
    let last = 0;
    let held;
    let isFrozen = false;
    let isDead = false;
    const connection = {
      transport,
      send(event) {
        if (fate.word === 'behind') {
          [event, held] = [held, event];
          if (!event) { return; }
        }
        last = Math.max(last, clock.ms + network.delay() + (fate.word === 'lag' ? fate.ms : 0));
        clock.setTimeout(() => { if (!isDead && !isFrozen) { receive(event); } }, last - clock.ms);
      },
      subscribe(name, start) {
        if (network.log.refusal(name)) { connection.send(network.log.refusal(name)); return; }
        const { offset, recovered } = network.log.resume(name, start);
        subscribed.set(name, offset);
        connection.send({ type: 'subscribed', channel: name, position: network.log.epoch + '-' + offset, recovered });
        connection.published(name);
      },
      unsubscribe(name) { subscribed.delete(name); },
      published(name) {
        if (!subscribed.has(name)) { return; }
        for (const message of network.log.since(name, subscribed.get(name))) {
          subscribed.set(name, message.offset);
          connection.send(message);
        }
      },
      beat() {
        if (isDead) { return; }
        connection.send({ type: 'ping' });
        clock.setTimeout(connection.beat, network.heartbeatMs);
      },
      start() {
        if (isDead || fate.word === 'silent') { return; }
        network.log.sessions.add(connection);
        connection.send(network.hello(transport));
        for (const [name, start] of subsOf(url)) { connection.subscribe(name, start); }
        if (fate.word === 'hello-only') { last += 1; clock.setTimeout(() => { isFrozen = true; }, last - clock.ms); }
        if (fate.word === 'cut') { clock.setTimeout(connection.die, fate.ms); }
        if (fate.word === 'freeze') { clock.setTimeout(() => { isFrozen = true; }, fate.ms); }
        clock.setTimeout(connection.beat, network.heartbeatMs);
      },
      isFrozen: () => isFrozen || isDead,
      close() {
        isDead = true;
        network.log.sessions.delete(connection);
        network.open.delete(connection);
      },
      die() {
        if (isDead) { return; }
        connection.close();
        onDeath({ code: 1006 });
      }
    };
    this.open.add(connection);
    return connection;
  }

  webSocket(socket, url) {
    const clock = this.clock;
    const fate = this.fate('websocket', url);
    let lastUp = 0;
    socket.bufferedAmount = 0;
    const connection = this.stream('websocket', url, fate,
      (event) => { socket.onmessage({ data: JSON.stringify(event) }); },
      (event) => { socket.onclose(event); });
    const command = (text) => {
      if (connection.isFrozen() || fate.word === 'silent' || fate.word === 'hello-only') { return; }
      const frame = JSON.parse(text);
      if (frame.type === 'ping') { connection.send({ type: 'ping' }); }
      if (frame.type === 'subscribe') { connection.subscribe(frame.channel, frame.after); }
      if (frame.type === 'unsubscribe') { connection.unsubscribe(frame.channel); }
      if (frame.type === 'publish') {
        const code = this.log.refusing && this.log.refusing(frame.channel, frame.id);
        connection.send(code ? { type: 'error', ref: frame.ref, code, message: code, channel: frame.channel } :
          { type: 'ack', ref: frame.ref, ...this.log.publish(frame.channel, frame.id, frame.data) });
      }
    };
    socket.send = (text) => {
      lastUp = Math.max(lastUp, clock.ms + this.delay());
      clock.setTimeout(() => command(text), lastUp - clock.ms);
    };
    socket.close = () => { connection.close(); };
    this.handshake(fate, connection, () => { socket.onopen(); });
    return socket;
  }

  eventSource(source, url) {
    const fate = this.fate('sse', url);
    const connection = this.stream('sse', url, fate,
      (event) => { source.onmessage({ data: JSON.stringify(event) }); },
      () => { source.onerror({}); });
    source.close = () => { connection.close(); };
    this.handshake(fate, connection, () => { source.onopen(); this.clock.setTimeout(() => connection.send({ type: 'ping' }), 20); });
    return source;
  }

  handshake(fate, connection, onOpen) {
    const roundTrip = 2 * this.delay();
    if (fate.word === 'deny' || fate.word === 'status') { this.clock.setTimeout(connection.die, roundTrip); return; }
    if (fate.word === 'swallow') { return; }
    this.clock.setTimeout(() => {
      if (!this.open.has(connection)) { return; }
      if (fate.word !== 'buffered') { onOpen(); }
      connection.start();
    }, roundTrip + (fate.word === 'late' ? fate.ms : 0));
  }

  request(xhr) {
    const network = this;
    const clock = this.clock;
    let kind;
    let url;
    let isOver = false;
    const answer = (status, body, headers) => {
      clock.setTimeout(() => {
        if (isOver) { return; }
        network.open.delete(connection);
        isOver = true;
        Object.assign(xhr, { readyState: 4, status, responseText: typeof body === 'string' ? body : JSON.stringify(body) });
        xhr.getResponseHeader = (name) => (headers && headers[name]) || null;
        xhr.onreadystatechange();
      }, network.delay());
    };
    const connection = { get transport() { return kind; }, die() { answer(0, ''); }, close() { isOver = true; } };
    Object.assign(xhr, { readyState: 0, status: 0, responseText: '', getResponseHeader: () => null });
    xhr.open = (method, address) => {
      url = new URL(address);
      kind = url.pathname.replace(/^.*\/v1\//, '');
      if (/^run\//.test(kind)) { kind = url.searchParams.get('stream') ? 'stream' : 'alone'; }
    };
    xhr.setRequestHeader = () => {};
    xhr.abort = () => { isOver = true; network.open.delete(connection); connection.close(); };
    xhr.send = (text) => {
      const fate = network.fate(kind in network.policy ? kind : /items$/.test(kind) ? 'items' : 'publish', url.href);
      network.open.add(connection);
      if (fate.word === 'swallow') { return; }
      clock.setTimeout(() => {
        if (fate.word === 'deny') { answer(0, ''); return; }
        if (fate.word === 'status') {
          answer(fate.ms, { error: { code: fate.ms === 403 ? 'forbidden' : 'unavailable', message: '' } },
            network.retryAfter ? { 'Retry-After': String(network.retryAfter) } : {});
          return;
        }
        if (fate.word === 'page') { answer(200, '<html>Log in'); return; }
        if (kind === 'stream') {
          network.runs.stream(network.runs.of(url, text), fate, connection, network.runs.toXhr(xhr, fate, connection));
          return;
        }
        network.serve(kind, url, text, fate, (status, body, headers) => {
          if (network.random() < network.lostAnswers) { answer(0, ''); } else { answer(status, body, headers); }
        }, () => isOver);
      }, network.delay());
    };
    return xhr;
  }

  serve(kind, url, text, fate, answer, isGone) {
    if (kind === 'publish') { this.servePublish(JSON.parse(text), answer); return; }
    if (kind === 'me') { this.user = { ...this.user, name: JSON.parse(text).name }; answer(200, { user: this.user }); return; }
    if (kind === 'alone') { this.runs.alone(this.runs.of(url, text), answer); return; }
    if (/^jobs\//.test(kind)) { this.runs.serveJob(kind, url, answer); return; }
    if (kind === 'negotiate') { answer(200, { network: this.network, user: this.user }); return; }
    if (kind === 'report') { this.reported = JSON.parse(text); answer(200, {}); return; }
    this.servePoll(kind, new URLSearchParams(text || url.search), fate, answer, isGone);
  }

  servePublish(body, answer) {
    const one = (message) => {
      const code = this.log.refusing && this.log.refusing(message.channel, message.id);
      return code ? { error: { code, message: code } } : this.log.publish(message.channel, message.id, message.data);
    };
    if (body.messages) { answer(200, { results: body.messages.map(one) }); return; }
    const result = one(body);
    const code = result.error && result.error.code;
    answer(code ? (/refused|limited/.test(code) ? 429 : 403) : 200, result);
  }

  servePoll(kind, query, fate, answer, isGone) {
    const positions = new Map();
    const events = query.get('hello') ? [this.hello(kind)] : [];
    for (const [name, start] of subsOf('?' + query)) {
      if (this.log.refusal(name)) { events.push(this.log.refusal(name)); continue; }
      const { offset, recovered } = this.log.resume(name, start);
      if (!/^[0-9a-z]+-\d+$/.test(start) || !recovered) {
        events.push({ type: 'subscribed', channel: name, position: this.log.epoch + '-' + offset, recovered });
      }
      positions.set(name, offset);
    }
    const gather = () => {
      for (const [name, offset] of positions) { events.push(...this.log.since(name, offset)); }
      return events.length > 0;
    };
    const finish = () => { answer(200, { events, poll: this.pollMs, next: '' }); };
    const waitMs = kind === 'short-poll' ? 0 : Number(query.get('wait') || 25) * 1000;
    if (gather() || !waitMs) { finish(); return; }
    const wake = () => {
      if (isGone()) { this.log.held.delete(wake); } else if (gather()) { this.log.held.delete(wake); finish(); }
    };
    this.log.held.add(wake);
    this.clock.setTimeout(() => { if (this.log.held.delete(wake)) { finish(); } }, waitMs);
    if (fate.word === 'cut') {
      this.clock.setTimeout(() => { if (this.log.held.delete(wake)) { answer(504, 'gateway'); } }, fate.ms);
    }
  }
}

function subsOf(url) {
  const query = new URLSearchParams(url.slice(url.indexOf('?')));
  return query.getAll('sub').map((sub) => {
    const at = sub.indexOf('@');
    return at < 0 ? [sub, ''] : [sub.slice(0, at), sub.slice(at + 1)];
  });
}

module.exports = { Network };
