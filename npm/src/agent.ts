// The border to the wasm agent: typed calls on this side, one scratch buffer and numbers on the other.
//
// Every call is guarded: whatever goes wrong below leaves the agent inert and never reaches the page.

import type {
  AgentOptions,
  Attributes,
  ErrorOptions,
  FlushReason,
  ItemOptions,
  LogLevel,
  MetaPart,
  NavigationTiming,
  TraceContext,
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
  load(wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module): boolean;
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
  /** What `window.__TRACE_CONTEXT__` says while a driver has set it. */
  activeTrace(): TraceContext | undefined;
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
