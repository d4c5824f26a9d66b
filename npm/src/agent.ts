// The border to the wasm agent: typed calls on this side, one scratch buffer and numbers on the other.
//
// Every call is guarded: whatever goes wrong below leaves the agent inert and never reaches the page.

import { call, initSync, look, start } from '../wasm/farol_agent.js';
import { current } from './context.js';
import { members, session, surroundings, textOf } from './meta.js';
import type {
  AgentOptions,
  Attributes,
  ErrorOptions,
  FlushReason,
  ItemOptions,
  LogLevel,
  MetaPart,
  NavigationTiming,
} from './types.js';

/** What the page lends to the agent. */
export interface Host {
  /** The `fetch` that was in place when the agent loaded; uploads use it and nothing else. */
  fetch: typeof fetch;
  /**
   * Present when a hook is configured: gets Faro's `TransportItem`, returns the JSON text of the
   * payload to send, or null to drop the item. Runs with no borrow held: the API may be called in it.
   */
  transform?: (item: unknown) => string | null;
}

/** Entries of the performance observers; the state machines behind them are in the agent. Times are the entries' own. */
export interface Vitals {
  /** The navigation entry, as soon as its `responseStart` is known. TTFB is reported from it. */
  navigation(entry: NavigationTiming): void;
  /** The paint entry named `first-contentful-paint`. */
  firstContentfulPaint(startTime: number): void;
  /** Each entry; `element` is a selector, the resource times are 0 when the element is not one that loads. */
  largestContentfulPaint(startTime: number, element: string, resourceRequestStart: number, resourceResponseEnd: number): void;
  /** Each shift without `hadRecentInput`; `target` is the selector of its largest source, or ''. */
  layoutShift(startTime: number, value: number, target: string): void;
  /** Each `event` and `first-input` entry with an `interactionId`. */
  interaction(
    interactionId: number,
    startTime: number,
    duration: number,
    processingStart: number,
    processingEnd: number,
    name: string,
    target: string,
  ): void;
  /** A trusted click or key press: what comes after it cannot be the largest paint of the load. Call it after `takeRecords`. */
  firstInput(): void;
}

/** The agent, as the taps and the facade see it. Nothing in it throws; before `start` and after a fault every call does nothing. */
export interface Agent {
  /** Compiles and instantiates, synchronously. False: it stays inert, on a page whose CSP forbids wasm for example. */
  load(wasm: () => Uint8Array<ArrayBuffer> | WebAssembly.Module): boolean;
  /** Reads the options, opens or resumes the session. False when it could not. A second call is refused. */
  start(options: AgentOptions, host: Host): boolean;
  /** `domain` falls back to the configured one. */
  event(name: string, domain: string | undefined, attributes: Attributes | undefined, options?: ItemOptions): void;
  log(level: LogLevel, message: string, context: Attributes | undefined, options?: ItemOptions): void;
  measurement(
    type: string,
    values: Record<string, number>,
    context: Attributes | undefined,
    options?: ItemOptions,
  ): void;
  /** The stack is parsed here unless `stackFrames` are given. */
  error(type: string, value: string, stack: string, options?: ErrorOptions): void;
  /**
   * Replaces a part of the meta; undefined clears it (for the session: opens a new one). `page.url` follows the
   * address of the page unless one is given. Emits nothing but `session_start` and `session_extend`: `view_changed` is the facade's.
   */
  setMeta(part: MetaPart, value: object | undefined): void;
  /** The meta that the next item would have, as plain objects. */
  metas(): object;
  /** `{id, attributes, overrides}` with `attributes.isSampled`, as Faro's `getSession` tells it. */
  session(): object | undefined;
  /**
   * Opens the span of a request; `url` is absolute. 0 means not observed (paused, unsampled, the agent's own
   * upload, too many open): then the tap does nothing more.
   */
  requestStart(method: string, url: string, kind: 'fetch' | 'xhr'): number;
  /** The header's value, or '' for an unknown handle. Whether the URL may have it is the tap's decision. */
  traceparent(handle: number): string;
  /** Closes the span. `status` 0 with a text in `error` is a failure of the network or an abort. */
  requestEnd(handle: number, status: number, error: string | undefined): void;
  /** An ended span, as OTLP/JSON has it. */
  span(span: object): void;
  vital: Vitals;
  /** visibilitychange to hidden, after every tap has handed over its pending entries: finalises LCP, CLS and INP. */
  hidden(): void;
  /** pageshow. */
  restored(persisted: boolean): void;
  /** Sends what is queued now. All reasons but `call` expect the page to go and use keepalive. */
  flush(reason: FlushReason): void;
  pause(): void;
  unpause(): void;
  /** Sends what is queued, then forgets everything; a later `start` begins anew. */
  shutdown(): void;
  /** `{queued, sent, dropped: {reason: count}}`. */
  stats(): object;
}

// What both sides agree on by number; single constants, because the build writes those in place. The other half is
// in agent/src: agent.rs, signal.rs, vitals/mod.rs.
const CALL_SCRATCH = 0;
const CALL_PUSH = 1;
const CALL_VITAL = 2;
const CALL_REQUEST_START = 3;
const CALL_REQUEST_END = 4;
const CALL_DESCRIBE = 5;
const CALL_PAUSE = 6;
const CALL_RESTORED = 7;
const CALL_FLUSH = 8;
const CALL_CONFIGURE = 9;
const KIND_LOG = 0;
const KIND_EVENT = 1;
const KIND_MEASUREMENT = 2;
const KIND_EXCEPTION = 3;
const KIND_SPAN = 4;
const SKIP_DEDUPE = 8;
const HAS_TRACE = 16;
const HAS_FRAMES = 32;
const HAS_FATAL = 64;
const ENTRY_NAVIGATION = 0;
const ENTRY_FIRST_PAINT = 1;
const ENTRY_LARGEST_PAINT = 2;
const ENTRY_SHIFT = 3;
const ENTRY_INTERACTION = 4;
const ENTRY_FIRST_INPUT = 5;
const ENTRY_HIDDEN = 6;
const PART = { sdk: 0, app: 1, user: 2, view: 3, browser: 4, os: 5, page: 6, session: 7, resource: 8 };
const LOOK_META = 0;
const LOOK_SESSION = 1;
const LOOK_STATS = 2;
const LOOK_TRACEPARENT = 3;
const FLUSH_ASKED = 0;
const FLUSH_GOES = 1;
const FLUSH_OVER = 2;

/** Characters of one text; the scratch buffer takes 1 MiB, and no message is read to its end past this. */
const LONGEST = 64 * 1024;
/** Up to so many characters a loop is quicker than a call of `encodeInto` (measured: they meet near 30). */
const SHORT = 32;

const encoder = new TextEncoder();
let memory: WebAssembly.Memory | undefined;
let state: 'new' | 'loaded' | 'running' | 'dead' = 'new';

// The scratch buffer while an item is written: the view on it, the next free byte, and whether all fitted.
let bytes = new Uint8Array(0);
let view = new DataView(bytes.buffer);
let at = 0;
let fits = false;
// The page as the application describes it, and where it was when the agent was last told.
let page: object | undefined;
let address: unknown;

/** Runs `work` while the agent runs. What the page's own objects throw in it costs that one item. */
function guarded<T>(otherwise: T, work: () => T): T {
  if (state === 'running') {
    try {
      return work();
    } catch {
      // Nothing to tell anyone: the page's getter or toString is the page's.
    }
  }
  return otherwise;
}

/** Crosses over. A fault there is the agent's end, and nothing that the page notices. */
function crossing<T>(otherwise: T, work: () => T): T {
  try {
    return state === 'running' ? work() : otherwise;
  } catch {
    state = 'dead';
    return otherwise;
  }
}

function cross(what: number, a: number, b: number, c: number): number {
  return crossing(0, () => call(what, a, b, c));
}

/** What a row of a list holds. */
type Row = readonly (string | number)[];

/** Writes values one after the other and hands them over: a text, a number, a list of rows. All code of the page's
 * (getters, toString) has run before: it might push an item itself. */
function send(what: number, a: number, c: number, values: readonly (string | number | readonly Row[])[]): number {
  at = 0;
  fits = true;
  for (const value of values) {
    if (typeof value === 'object') {
      count(value.length);
      for (const row of value) row.forEach(write);
    } else write(value);
  }
  return fits ? cross(what, a, at, c) : 0;
}

function write(value: string | number): void {
  if (typeof value === 'string') text(value);
  else number(value);
}

function room(more: number): boolean {
  // Memory that grew has left the old view behind.
  if (fits && (at + more > bytes.length || bytes.buffer !== memory?.buffer)) {
    const wanted = Math.max(at + more, bytes.length);
    const start = cross(CALL_SCRATCH, 0, wanted, 0);
    fits = start !== 0;
    if (fits && memory) {
      bytes = new Uint8Array(memory.buffer, start, Math.max(wanted, 16 * 1024));
      view = new DataView(memory.buffer, start, bytes.length);
    }
  }
  return fits;
}

function count(value: number): void {
  if (!room(4)) return;
  view.setUint32(at, value, true);
  at += 4;
}

function number(value: number): void {
  if (!room(8)) return;
  view.setFloat64(at, value, true);
  at += 8;
}

function text(value: string): void {
  const cut = value.length > LONGEST ? value.slice(0, LONGEST) : value;
  // UTF-8 needs at most three bytes for each UTF-16 unit.
  if (!room(4 + cut.length * 3)) return;
  const start = at + 4;
  let length = 0;
  if (cut.length < SHORT) {
    for (let code; length < cut.length && (code = cut.charCodeAt(length)) < 128; length++) bytes[start + length] = code;
  }
  if (length < cut.length) length += encoder.encodeInto(cut.slice(length), bytes.subarray(start + length)).written;
  view.setUint32(at, length, true);
  at = start + length;
}

/** Attributes as texts, the way Faro writes them. */
function entriesOf(attributes: Attributes | undefined): [string, string][] {
  return attributes ? Object.entries(attributes).map(([key, value]) => [key, textOf(value)]) : [];
}

/** What changes when the address does: the history entry where the browser has the Navigation API, it is quicker to ask. */
function whereabouts(): unknown {
  const { navigation, location } = globalThis as { navigation?: { currentEntry: object | null }; location?: Location };
  return navigation?.currentEntry ?? location?.href;
}

/** Hands over an item of these values. */
function item(kind: number, flags: number, options: ItemOptions | undefined, values: Parameters<typeof send>[3]): void {
  const { spanContext = current(), skipDedupe, timestampOverwriteMs } = options ?? {};
  const ids = spanContext ? [String(spanContext.traceId), String(spanContext.spanId)] : [];
  if (whereabouts() !== address) describe('page', page);
  const more = (skipDedupe ? SKIP_DEDUPE : 0) | (spanContext ? HAS_TRACE : 0);
  send(CALL_PUSH, kind | flags | more, Number(timestampOverwriteMs) || 0, [...ids, ...values]);
}

/** Hands over a part of the meta; the address of the page is its own unless the application says otherwise. */
function describe(part: keyof typeof PART, value: object | string | undefined): void {
  let texts: string[];
  if (typeof value === 'string') texts = [value];
  else if (part === 'session') texts = value ? session(value) : [];
  else if (part === 'page') {
    page = value;
    address = whereabouts();
    const described: { url?: string } = { url: globalThis.location?.href, ...value };
    texts = [members(part, described), String(described.url)];
  } else texts = [members(part as 'app' | 'user' | 'view', value)];
  send(CALL_DESCRIBE, PART[part], 0, texts);
}

/** Hands over the options; from here on the agent is at work. */
function configure(options: AgentOptions): void {
  const { app, user, view, url, apiKey, eventDomain, batching, dedupe, sessionTracking, ignoreErrors } = options;
  const parts = { ...surroundings(app), app, user, view, page: options.pageTracking?.page };
  for (const part in parts) describe(part as keyof typeof parts, parts[part as keyof typeof parts]);
  const { enabled = true, samplingRate = 1, persistent, session: initial } = sessionTracking ?? {};
  const limit = batching?.enabled === false ? 1 : Number(batching?.itemLimit);
  const flags = [dedupe !== false, enabled, persistent, options.requestCompression].map((flag) => (flag ? 1 : 0));
  const ignored = (ignoreErrors ?? []).filter((pattern) => typeof pattern === 'string').map((text) => [text]);
  const texts = [textOf(url ?? ''), textOf(apiKey ?? ''), textOf(eventDomain || 'browser')];
  const numbers = [Number(batching?.sendTimeout), limit, Number(samplingRate), ...flags];
  send(CALL_CONFIGURE, 0, 0, [...texts, ...numbers, ignored, ...session(initial)]);
  if (options.paused) cross(CALL_PAUSE, 1, 0, 0);
}

/** Hands over an entry of a performance observer. */
function entry(kind: number, values: (string | number)[], timing?: NavigationTiming): void {
  guarded(0, () => {
    if (timing) {
      const { activationStart = 0, workerStart, fetchStart, domainLookupStart, connectStart, connectEnd } = timing;
      const { responseStart, domInteractive, domContentLoadedEventStart, domComplete, type } = timing;
      values.push(activationStart, workerStart || fetchStart, domainLookupStart, connectStart, connectEnd);
      values.push(responseStart, domInteractive, domContentLoadedEventStart, domComplete, type);
    }
    return send(CALL_VITAL, kind, 0, values);
  });
}

/** The navigation entry as it is by now. */
function navigation(): NavigationTiming | undefined {
  return performance.getEntriesByType?.('navigation')[0] as (PerformanceEntry & NavigationTiming) | undefined;
}

/** What the agent hands to a hook: the payload of one item. */
type Alone = { meta: object; traces?: Traces } & Partial<Record<'logs' | 'events' | 'measurements' | 'exceptions', object[]>>;
type Traces = { resourceSpans?: { scopeSpans?: { spans?: object[] }[] }[] };

/** The hook as the agent calls it: a payload in, JSON out, '' to leave the item out. What Faro's hooks see is a `TransportItem`. */
function bridged(transform: NonNullable<Host['transform']>): (alone: Alone) => string {
  return ({ meta, traces, logs, events, measurements, exceptions }) => {
    const [payload = traces] = logs ?? events ?? measurements ?? exceptions ?? [];
    const type = logs ? 'log' : events ? 'event' : measurements ? 'measurement' : exceptions ? 'exception' : 'trace';
    const answer = transform({ type, payload, meta });
    if (answer === null || !traces) return answer ?? '';
    // Spans of many items share one resource, the agent's own: a hook can change spans and leave them out.
    const { resourceSpans = [] } = JSON.parse(answer) as Traces;
    const spans = resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
    return spans.map((span) => JSON.stringify(span)).join();
  };
}

/** What the agent shows of itself: a plain object or a text. */
function shown(what: number, handle = 0): unknown {
  return crossing(undefined, () => look(what, handle) as unknown);
}

export const agent: Agent = {
  load(wasm) {
    if (state === 'new') {
      try {
        memory = initSync({ module: wasm() }).memory;
        state = 'loaded';
      } catch {
        state = 'dead';
      }
    }
    return state !== 'dead';
  },
  start(options, { fetch, transform }) {
    if (state !== 'loaded') return false;
    try {
      if (!start(globalThis, fetch, transform && bridged(transform))) return false;
      state = 'running';
      // An agent that was shut down has given its buffer back.
      bytes = new Uint8Array(0);
      configure(options);
    } catch {
      state = 'dead';
    }
    return state === 'running';
  },
  event: (name, domain, attributes, options) =>
    guarded(undefined, () => item(KIND_EVENT, 0, options, [String(name), String(domain ?? ''), entriesOf(attributes)])),
  log: (level, message, context, options) =>
    guarded(undefined, () => item(KIND_LOG, 0, options, [String(message), String(level), entriesOf(context)])),
  measurement: (type, values, context, options) =>
    guarded(undefined, () => {
      const numbers = Object.entries(values).map(([key, value]) => [key, Number(value)] as const);
      item(KIND_MEASUREMENT, 0, options, [String(type), numbers, entriesOf(context)]);
    }),
  error: (type, value, stack, options) =>
    guarded(undefined, () => {
      const { fatal, fingerprint, stackFrames, context } = options ?? {};
      const frames = stackFrames?.map(({ filename, function: caller, lineno, colno }) => [
        textOf(filename ?? ''),
        textOf(caller ?? ''),
        Number(lineno) || 0,
        Number(colno) || 0,
      ]);
      const flags = (frames ? HAS_FRAMES : 0) | (fatal === undefined ? 0 : HAS_FATAL);
      const head = [String(type), String(value), textOf(fingerprint ?? ''), fatal ? 1 : 0];
      item(KIND_EXCEPTION, flags, options, [...head, frames ?? String(stack), entriesOf(context)]);
    }),
  // A text would be taken for members that are JSON already.
  setMeta: (part, value) => guarded(undefined, () => describe(part, typeof value === 'object' ? value : undefined)),
  metas: () => (shown(LOOK_META) as object | undefined) ?? {},
  session: () => shown(LOOK_SESSION) as object | undefined,
  requestStart: (method, url, kind) =>
    guarded(0, () => {
      const { traceId = '', spanId = '' } = current() ?? {};
      return send(CALL_REQUEST_START, kind === 'xhr' ? 1 : 0, 0, [method, url, traceId, spanId]);
    }),
  traceparent: (handle) => (shown(LOOK_TRACEPARENT, handle) as string | undefined) ?? '',
  requestEnd: (handle, status, error) => void guarded(0, () => send(CALL_REQUEST_END, handle, status, [error ?? ''])),
  span: (span) => guarded(undefined, () => void send(CALL_PUSH, KIND_SPAN | SKIP_DEDUPE, 0, [JSON.stringify(span)])),
  vital: {
    navigation: (timing) => entry(ENTRY_NAVIGATION, [], timing),
    firstContentfulPaint: (startTime) => entry(ENTRY_FIRST_PAINT, [startTime, 0], navigation()),
    largestContentfulPaint: (startTime, element, requestStart, responseEnd) =>
      entry(ENTRY_LARGEST_PAINT, [startTime, requestStart, responseEnd, element]),
    layoutShift: (startTime, value, target) => entry(ENTRY_SHIFT, [startTime, value, target]),
    interaction: (...values) => entry(ENTRY_INTERACTION, values),
    firstInput: () => entry(ENTRY_FIRST_INPUT, [], navigation()),
  },
  hidden() {
    const { interactionCount = 0 } = performance as { interactionCount?: number };
    entry(ENTRY_HIDDEN, [performance.now(), interactionCount], navigation());
  },
  restored: (persisted) => void (persisted && cross(CALL_RESTORED, 0, 0, 0)),
  flush: (reason) => void cross(CALL_FLUSH, reason === 'call' ? FLUSH_ASKED : FLUSH_GOES, 0, 0),
  pause: () => void cross(CALL_PAUSE, 1, 0, 0),
  unpause: () => void cross(CALL_PAUSE, 0, 0, 0),
  shutdown() {
    cross(CALL_FLUSH, FLUSH_OVER, 0, 0);
    if (state === 'running') state = 'loaded';
  },
  stats: () => (shown(LOOK_STATS) as object | undefined) ?? {},
};
