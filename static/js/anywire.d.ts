/** Types of the client library that the server gives out as `anywire.js`. The protocol is in docs/protocol.md. */

/** Any value of JSON, RFC 8259. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type Transport = 'websocket' | 'sse' | 'long-poll' | 'short-poll';

/**
 * connecting: a wire is being opened; open: events come; waiting: the next try is due later, or the page rests;
 * closed: by close(), or for good by the server.
 */
export type State = 'connecting' | 'open' | 'waiting' | 'closed';

export interface User {
  id: string;
  name: string;
}

export interface AnywireError {
  /** A code of the server's table, or `http-STATUS`, `network`, `no-transport`. */
  code: string;
  message: string;
  field?: string;
  channel?: string;
}

/** Kept in the log: delivered exactly once and in order. */
export interface MessageEvent {
  type: 'message';
  channel: string;
  /** Gap-free, +1 each. */
  offset: number;
  /** EPOCH-OFFSET. */
  position: string;
  id: string;
  /** Milliseconds since 1970-01-01 UTC, for people; it doesn't order. */
  time: number;
  user: User;
  data: Json;
}

/** How far long work is, as its channel `job:ID` says. */
export interface Job {
  id: string;
  title: string;
  /** stalled: nothing was heard of it for a while. done, failed and cancelled are final. */
  state: 'running' | 'stalled' | 'done' | 'failed' | 'cancelled';
  done: number;
  total: number | null;
  unit: string | null;
  /** 0 to 100; null while the total isn't known. */
  percent: number | null;
  note: string | null;
  /** Units a second. */
  rate: number | null;
  /** Seconds left. */
  eta: number | null;
  /** Milliseconds since 1970-01-01 UTC. */
  started: number;
  updated: number;
  result: Json;
  cancellable: boolean | 'anyone';
  /** How many items its task has brought; null for other jobs. */
  items: number | null;
}

/** One of the things that a task brings, in the order of their indexes from 0; more fields are the task's own. */
export interface Item {
  type: 'item';
  index: number;
  ok: boolean;
  error?: { code: string; message: string };
  [field: string]: unknown;
}

/** Of a channel whose latest value counts: values may be skipped, never the last. */
export interface StateEvent {
  type: 'state';
  channel: string;
  offset: number;
  position: string;
  time: number;
  data: Json;
}

/** The channel goes on after *position*. With recovered false something in between is gone: replace what is shown. */
export interface SubscribedEvent {
  type: 'subscribed';
  channel: string;
  position: string;
  recovered: boolean;
}

/** Never kept, may be dropped. */
export interface SignalEvent {
  type: 'signal';
  channel: string;
  user: User;
  data: Json;
}

export interface PresenceEvent {
  type: 'presence';
  channel: string;
  count: number;
  joined: User[];
  left: User[];
}

/** This channel can't be followed. */
export interface ErrorEvent extends AnywireError {
  type: 'error';
}

export type ChannelEvent = MessageEvent | StateEvent | SubscribedEvent | SignalEvent | PresenceEvent | ErrorEvent;

/** The log has it. */
export interface Receipt {
  channel: string;
  offset: number;
  position: string;
  id: string;
  time: number;
  /** It had been stored before, by an earlier try. */
  duplicate: boolean;
}

export interface Page {
  /** Oldest first. */
  messages: MessageEvent[];
  more: boolean;
}

/** One try with one transport. Times are milliseconds since connect(). */
export interface Attempt {
  transport: Transport;
  startedMs: number;
  helloMs?: number;
  endedMs?: number;
  /** When it reached open, hello, proven. */
  phases: { [phase: string]: number };
  /** '' while it is being tried, 'usable', 'ok', or TRANSPORT.WHY as listed in verdicts.js. */
  verdict: string;
}

export interface Options {
  /** Only these, in this order of preference. */
  transports?: Transport[];
  /** Whether to keep for a day which transport worked; default true. */
  remember?: boolean;
  /** A token of the site's own user; a function is called again whenever the last one has expired. */
  token?: string | ((callback: (token: string) => void) => void);
  /** Whether to tell the server once where the network stood in a transport's way; default true. */
  report?: boolean;
}

export interface SubscribeOptions {
  /** Begin with the last so many messages. */
  history?: number;
  /** Begin after this position, EPOCH-OFFSET, or with '0' at the oldest message that is kept. */
  after?: string;
}

export interface Subscription {
  unsubscribe(): void;
}

export interface JobListener {
  /** Follows it no longer. */
  stop(): void;
  /** Asks the server to cancel the job. */
  cancel(callback?: (error: AnywireError | null, state: Job) => void): void;
}

export interface RunOptions {
  /** Makes it one job however often it is asked for: at least 96 random bits. Without it one is made. */
  id?: string;
  /** Of a body that is a string; default application/json. */
  contentType?: string;
  /** Each item exactly once and in order. */
  onItem?: (item: Item) => void;
  /** The job's state now and then, the final one last. */
  onState?: (state: Job) => void;
  /** Once. */
  onEnd?: (error: AnywireError | null, result: Json) => void;
}

export interface Wire {
  /** The wire in use, '' if there is none; while an event is delivered, the one that it came by. */
  readonly transport: Transport | '';
  readonly state: State;
  /** Who the server says this is; null until it has. */
  readonly user: User | null;
  /** What was tried, oldest first; the last 50. */
  readonly attempts: Attempt[];

  /**
   * Follows *channel*. With neither history nor after it begins with the next message. Several subscribers of one channel
   * share one subscription: the first decides where it begins, later ones get what comes from now on.
   */
  subscribe(channel: string, options: SubscribeOptions | null, onEvent: (event: ChannelEvent) => void): Subscription;

  /**
   * Publishes *data*. It is kept, over wires and reloads, until the server has acknowledged it or refused it for good.
   * Without a callback it returns a promise, where the browser has promises.
   */
  publish(channel: string, data: Json): Promise<Receipt>;
  publish(channel: string, data: Json, callback: (error: AnywireError | null, receipt: Receipt) => void): void;

  /** Tells *data* to whoever follows *channel* right now. */
  signal(channel: string, data: Json): void;

  /** What was published and is not acknowledged yet, oldest first; *data* is a copy. */
  pending(channel: string): { id: string; data: Json }[];

  /** Messages before a position; before null: the newest. */
  history(channel: string, before: string | null, limit: number | null, callback: (error: AnywireError | null, page: Page) => void): void;

  /** Gives the visitor another name. */
  rename(name: string, callback?: (error: AnywireError | null, user: User) => void): void;

  /**
   * Follows a job: its current state first, then each newer one, up to the end. onError: there is no such job, or it may
   * not be read.
   */
  job(id: string, onState: (state: Job, event: StateEvent) => void, onError?: (error: AnywireError) => void): JobListener;

  /**
   * Runs a task on the server: once, whatever becomes of the connection. A File or Blob goes as the field `file` of a form.
   * Returns a promise of the result, where the browser has promises.
   */
  run(task: string, body?: Json | object | Blob | FormData, options?: RunOptions): Promise<Json>;

  /** Each returns a function that ends the listening. */
  on(name: 'transport', fn: (transport: Transport) => void): () => void;
  on(name: 'state', fn: (state: State) => void): () => void;
  on(name: 'user', fn: (user: User) => void): () => void;
  on(name: 'gap', fn: (gap: { channel: string; position: string }) => void): () => void;
  on(name: 'error', fn: (error: AnywireError) => void): () => void;
  on(name: 'attempt', fn: (attempt: Attempt) => void): () => void;

  /** Ends it. What is not acknowledged stays in the session's storage; the next connect() sends it. */
  close(): void;
}

export interface AnywireGlobal {
  /** Connects to the server at *base*, by default where the script came from. */
  connect(base?: string | null, options?: Options): Wire;

  /** As the wire's, without a wire of the page's own; *base* as for connect(). */
  run(task: string, body?: Json | object | Blob | FormData, options?: RunOptions & { base?: string }): Promise<Json>;

  /** Shows a progress bar in *element*, which has data-anywire-job, where the browser lacks MutationObserver. */
  progress(element: Element): void;
}

declare global {
  const Anywire: AnywireGlobal;
  interface Window {
    Anywire: AnywireGlobal;
  }
}
