// The tasks of the fake server: a job for each id, which goes on whoever listens, and how its events and items get out.
// Fates beside those of fake-server.js: 'buffer' (nothing before the end), 'early' (nothing can be read before the end),
// 'endless' (cut right before its last event).
'use strict';

const STATE_MS = 50;

/** A promise of the clock's own: what it calls, it calls at once. */
class Later {
  constructor() { this.calls = []; }

  settle(index, value) {
    this.outcome = [index, value];
    this.calls.splice(0).forEach((call) => call());
  }

  then(...handlers) {
    const next = new Later();
    const call = () => {
      const [index, value] = this.outcome;
      const handler = handlers[index];
      if (!handler) { next.settle(index, value); return; }
      let result;
      try { result = handler(value); } catch (error) { next.settle(1, error); return; }
      if (result instanceof Later) { result.then((v) => next.settle(0, v), (e) => next.settle(1, e)); } else { next.settle(0, result); }
    };
    if (this.outcome) { call(); } else { this.calls.push(call); }
    return next;
  }
}

class Runs {
  constructor(network) {
    this.network = network;
    this.jobs = new Map(); // by the client's id
    this.count = 20;
    this.everyMs = 30;
    this.outcome = { state: 'done', result: { rows: 20 } };
    this.skips = 0; // events that a stream leaves out at its start
  }

  /** The job of a request: the one that was begun with this id, or a new one. */
  of(url, text) {
    const id = url.searchParams.get('id');
    if (!this.jobs.has(id)) {
      const job = { id: 'j' + (this.jobs.size + 1), text, items: [], listeners: new Set(), state: 'running' };
      this.jobs.set(id, job);
      this.work(job);
    }
    return this.jobs.get(id);
  }

  work(job) {
    const { clock } = this.network;
    const step = () => {
      if (job.state !== 'running') { return; }
      if (job.items.length < this.count) {
        job.items.push({ type: 'item', index: job.items.length, ok: true, text: 'n\u00b0 ' + job.items.length + ' \u4f60\ud83d\ude00' });
        this.tell(job, job.items[job.items.length - 1]);
        clock.setTimeout(step, this.everyMs);
      } else {
        this.end(job, this.outcome);
      }
    };
    const beat = () => {
      if (job.state !== 'running') { return; }
      this.show(job);
      clock.setTimeout(beat, STATE_MS);
    };
    beat();
    clock.setTimeout(step, this.everyMs);
  }

  end(job, outcome) {
    Object.assign(job, outcome);
    this.show(job);
    this.tell(job, job.state === 'done' ? { type: 'end', result: job.result } : { type: 'error', code: job.state, message: job.note });
    for (const listener of Array.from(job.listeners)) { listener(null); }
  }

  /** STATE */
  stateOf(job) {
    return { id: job.id, title: 'Import', state: job.state, done: job.items.length, total: this.count,
      percent: 100 * job.items.length / this.count, unit: null, rate: null, eta: null,
      note: job.note || null, result: job.result || null, items: job.items.length };
  }

  show(job) { this.tell(job, this.network.log.setState('job:' + job.id, this.stateOf(job))); }

  tell(job, event) { for (const listener of Array.from(job.listeners)) { listener(event); } }

  /** Writes all that there is of *job* as an event stream; sink: write(bytes), end(). */
  stream(job, fate, connection, sink) {
    const { clock } = this.network;
    let last = 0;
    let held = [];
    let isDead = false;
    const inOrder = (fn) => {
      last = Math.max(last, clock.ms + this.network.delay());
      clock.setTimeout(() => { if (!isDead) { fn(); } }, last - clock.ms);
    };
    const listener = (event) => {
      if (fate.word === 'endless' && event !== null && event.type === 'end') {
        inOrder(connection.die);
      } else if (event === null) {
        inOrder(() => { held.forEach(sink.write); finish(sink.end); });
      } else {
        const bytes = Buffer.from('data: ' + JSON.stringify(event) + '\n\n');
        inOrder(() => { if (fate.word === 'buffer') { held.push(bytes); } else { sink.write(bytes); } });
      }
    };
    const finish = (how) => {
      isDead = true;
      job.listeners.delete(listener);
      this.network.open.delete(connection);
      how();
    };
    connection.die = () => { finish(sink.fail); };
    connection.close = () => { finish(() => {}); };
    const past = [{ type: 'job', id: job.id, channel: 'job:' + job.id, key: 'k' }, ...job.items];
    if (job.state !== 'running') {
      past.push(this.network.log.of('job:' + job.id).messages[0], { type: 'end', result: job.result }, null);
    }
    past.splice(1, this.skips);
    past.forEach(listener);
    job.listeners.add(listener);
    if (fate.word === 'cut') { clock.setTimeout(() => { if (!isDead) { connection.die(); } }, fate.ms); }
    if (fate.word === 'freeze') { clock.setTimeout(() => { isDead = true; }, fate.ms); }
  }

  /** As XMLHttpRequest shows it: all that came so far; the bytes at the end of a piece may be half a character. */
  toXhr(xhr, fate, connection) {
    let bytes = Buffer.alloc(0);
    const show = (readyState, status) => {
      Object.assign(xhr, { readyState, status });
      if (fate.word === 'early') {
        Object.defineProperty(xhr, 'responseText', { configurable: true, get() {
          if (readyState < 4) { throw new Error('not yet'); }
          return bytes.toString();
        } });
      } else {
        xhr.responseText = bytes.toString();
      }
      xhr.onreadystatechange();
    };
    return {
      write: (more) => {
        this.cut(more).forEach((piece) => {
          bytes = Buffer.concat([bytes, piece]);
          show(3, 200);
        });
      },
      end: () => { show(4, 200); },
      fail: () => { bytes = Buffer.alloc(0); show(4, 0); }
    };
  }

  cut(bytes) {
    const at = Math.floor(this.network.random() * (bytes.length + 1));
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }

  alone(job, answer) { answer(202, { job: this.stateOf(job) }); }

  serveJob(kind, url, answer) {
    const [, id, what] = kind.split('/');
    const job = Array.from(this.jobs.values()).find((one) => one.id === id);
    if (!job) { answer(404, { error: { code: 'not-found', message: '' } }); return; }
    if (what === 'cancel') {
      this.end(job, { state: 'cancelled', note: 'by you' });
      answer(200, this.stateOf(job));
      return;
    }
    const after = Number(url.searchParams.get('after') || -1);
    const items = job.items.filter((item) => item.index > after);
    answer(200, { items: items.slice(0, 7), more: items.length > 7 });
  }

  // --- fetch

  fetch(address, options) {
    const { network } = this;
    const url = new URL(address);
    const fate = network.fate('fetch', address);
    const answered = new Later();
    const pieces = []; // functions that settle the reader's next promise
    let wanted = null;
    const give = (settle) => { pieces.push(settle); if (wanted) { const reader = wanted; wanted = null; pieces.shift()(reader); } };
    const connection = { die: () => answered.settle(1, new TypeError('Failed to fetch')), close() {} };
    options.signal.addEventListener('abort', () => { network.open.delete(connection); connection.close(); });
    network.open.add(connection);
    if (fate.word === 'swallow') { return answered; }
    network.clock.setTimeout(() => {
      if (options.signal.aborted) { return; }
      if (fate.word === 'deny') { network.open.delete(connection); connection.die(); return; }
      const read = () => {
        const next = new Later();
        if (pieces.length) { pieces.shift()(next); } else { wanted = next; }
        return next;
      };
      const respond = (status) => {
        answered.settle(0, { status, headers: { get: () => network.retryAfter }, body: { getReader: () => ({ read }) } });
      };
      const write = (bytes) => this.cut(bytes).forEach((piece) => give((reader) => reader.settle(0, { done: false, value: piece })));
      const end = () => give((reader) => reader.settle(0, { done: true, value: undefined }));
      if (fate.word === 'status' || fate.word === 'page') {
        respond(fate.word === 'page' ? 200 : fate.ms);
        const error = { code: fate.ms === 404 ? 'not-found' : 'draining', message: '' };
        write(Buffer.from(fate.word === 'page' ? '<html>\n\ndata: Log in\n\n' : JSON.stringify({ error })));
        end();
        network.open.delete(connection);
        return;
      }
      respond(200);
      const fail = () => give((reader) => reader.settle(1, new TypeError('network')));
      this.stream(this.of(url, options.body), fate, connection, { write, end, fail });
    }, 2 * network.delay());
    return answered;
  }
}

module.exports = { Runs };
