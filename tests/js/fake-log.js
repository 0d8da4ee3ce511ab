// The log of the fake server: channels of messages, and who is to be told of new ones.
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
    for (const session of this.sessions) { session.published(name); }
    for (const answer of Array.from(this.held)) { answer(); }
    return receipt;
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
    const floor = this.of(name).floor;
    let match;
    if (!start) { return { offset: head, recovered: true }; }
    if ((match = /^-(\d+)$/.exec(start))) { return { offset: Math.max(floor, head - Number(match[1])), recovered: true }; }
    if (start === '0') { return { offset: floor, recovered: true }; }
    match = /^([0-9a-z]+)-(\d+)$/.exec(start);
    const offset = Number(match[2]);
    if (match[1] !== this.epoch || offset < floor || offset > head) { return { offset: floor, recovered: false }; }
    return { offset, recovered: true };
  }
}

module.exports = { Log };
