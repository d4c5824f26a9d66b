// The types that the page's side and the agent's border share.

/** Levels of a log line, as the console names them. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'log' | 'warn' | 'error';

/** Pairs of an item. Values become strings: objects as JSON (a cycle is `null`), the rest as `String(value)` says. */
export type Attributes = Record<string, unknown>;

/** The ids of a span, lower-case hex. */
export interface TraceContext {
  traceId: string;
  spanId: string;
}

/** What may be said about any item. */
export interface ItemOptions {
  /** Sends it even when it equals the one before it. */
  skipDedupe?: boolean;
  /** Milliseconds since the epoch; 0 and absent mean now. */
  timestampOverwriteMs?: number;
  /** The span it belongs to. */
  spanContext?: TraceContext;
}

/** What may be said about an error. */
export interface ErrorOptions extends ItemOptions {
  /** The application's own grouping key. */
  fingerprint?: string;
  /** Whether it ended the session. */
  fatal?: boolean;
  /** Frames that are known already; the stack text is then not parsed. */
  stackFrames?: StackFrame[];
  context?: Attributes;
}

/** One call; lines and columns count from 1. */
export interface StackFrame {
  filename: string;
  function: string;
  lineno?: number;
  colno?: number;
}

/**
 * The part of a `PerformanceNavigationTiming` that the vitals need: hand over the entry itself. It is
 * kept and read again, because the browser fills in the `dom*` times as the page loads.
 */
export interface NavigationTiming {
  readonly activationStart?: number;
  readonly workerStart: number;
  readonly fetchStart: number;
  readonly domainLookupStart: number;
  readonly connectStart: number;
  readonly connectEnd: number;
  readonly responseStart: number;
  readonly domInteractive: number;
  readonly domContentLoadedEventStart: number;
  readonly domComplete: number;
  readonly type: string;
}

/** Why what is queued goes out now. */
export type FlushReason = 'hidden' | 'pagehide' | 'freeze' | 'call';

/** The parts of the meta that a page may set. */
export type MetaPart = 'app' | 'user' | 'view' | 'page' | 'session';

/** What the agent reads of the options of `initializeFaro`; the rest is the facade's. */
export interface AgentOptions {
  /** Where batches go. */
  url?: string;
  /** Sent as `x-api-key`. */
  apiKey?: string;
  app: object;
  user?: object;
  view?: { name?: string };
  pageTracking?: { page?: object };
  /** Default `browser`. */
  eventDomain?: string;
  /** Default true: an item equal to the one before it is left out. */
  dedupe?: boolean;
  /** What is sent as the page goes is gzip. */
  requestCompression?: boolean;
  paused?: boolean;
  /** Strings are tested here; RegExps are passed over, the facade tests them. */
  ignoreErrors?: ReadonlyArray<string | RegExp>;
  batching?: { enabled?: boolean; sendTimeout?: number; itemLimit?: number };
  sessionTracking?: {
    enabled?: boolean;
    /** From 0 to 1. */
    samplingRate?: number;
    /** False: `sessionStorage`; true: `localStorage`. */
    persistent?: boolean;
    session?: object;
  };
}
