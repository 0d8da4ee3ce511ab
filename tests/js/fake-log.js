// The log of the fake server: channels of messages or of a state, and who is to be told of news.
'use strict';

class Log {
  constructor() {
    this.epoch = 'e0001';
    this.channels = new Map();
    this.sessions = new Set();
    this.held = new Set();
    this.refusing = null; // (channel, id) → error code or null
  }

  of(name) {
    if (!this.channels.has(name)) { this.channels.set(name, { messages: [], ids: new Map(), floor: 0 }); }
    return this.channels.get(name);
  }

  publish(name, id, data) {
    const channel = this.of(name);
    if (channel.ids.has(id)) { return { ...channel.ids.get(id), duplicate: true }; }
    const offset = channel.floor + channel.messages.length + 1;
    const position = this.epoch + '-' + offset;
    channel.messages.push({ type: 'message', channel: name, offset, position, id, data });
    const receipt = { channel: name, offset, position, id, duplicate: false };
    channel.ids.set(id, receipt);
    this.tell(name);
    return receipt;
  }

  /** The newest state is the only one that is kept. */
  setState(name, data) {
    const channel = this.of(name);
    const offset = this.head(name) + 1;
    Object.assign(channel, { floor: offset - 1, isState: true });
    channel.messages = [{ type: 'state', channel: name, offset, position: this.epoch + '-' + offset, data }];
    this.tell(name);
    return channel.messages[0];
  }

  tell(name) {
    for (const session of this.sessions) { session.published(name); }
    for (const answer of Array.from(this.held)) { answer(); }
  }

  /** The error of a channel that can't be followed, or null. */
  refusal(name) {
    const isUnknown = /^job:/.test(name) && !this.channels.has(name);
    return isUnknown ? { type: 'error', code: 'not-found', message: 'There is no such job.', channel: name } : null;
  }

  head(name) { const c = this.of(name); return c.floor + c.messages.length; }

  trim(name, count) {
    const channel = this.of(name);
    channel.messages.splice(0, count);
    channel.floor += count;
  }

  since(name, offset) {
    const channel = this.of(name);
    return channel.messages.slice(Math.max(0, offset - channel.floor));
  }

  /** {offset, recovered} for a START. */
  resume(name, start) {
    const head = this.head(name);
    const { floor, isState } = this.of(name);
    let match;
    if (isState && !/^[0-9a-z]+-\d+$/.test(start)) { return { offset: floor, recovered: true }; }
    if (!start) { return { offset: head, recovered: true }; }
    if ((match = /^-(\d+)$/.exec(start))) { return { offset: Math.max(floor, head - Number(match[1])), recovered: true }; }
    if (start === '0') { return { offset: floor, recovered: true }; }
    match = /^([0-9a-z]+)-(\d+)$/.exec(start);
    const offset = Number(match[2]);
    if (match[1] !== this.epoch || (offset < floor && !isState) || offset > head) { return { offset: floor, recovered: false }; }
    return { offset, recovered: true };
  }
}

module.exports = { Log };
