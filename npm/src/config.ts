// The public options, under Faro's names. What is listed works; what Faro has and is not here is ignored.

import type { Instrumentation } from './instrumentations.js';
import type { Patterns } from './match.js';

/** Console methods, and the levels of a log. */
export const LogLevel = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  LOG: 'log',
  WARN: 'warn',
  ERROR: 'error',
} as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

/** How much the agent itself says on the console. */
export const InternalLoggerLevel = { OFF: 0, ERROR: 1, WARN: 2, INFO: 3, VERBOSE: 4 } as const;
export type InternalLoggerLevel = (typeof InternalLoggerLevel)[keyof typeof InternalLoggerLevel];

/** The kinds of item that `beforeSend` sees. */
export const TransportItemType = {
  EXCEPTION: 'exception',
  LOG: 'log',
  MEASUREMENT: 'measurement',
  TRACE: 'trace',
  EVENT: 'event',
} as const;
export type TransportItemType = (typeof TransportItemType)[keyof typeof TransportItemType];

export interface MetaApp {
  name: string;
  namespace?: string;
  version?: string;
  release?: string;
  environment?: string;
  bundleId?: string;
}

export interface MetaUser {
  id?: string;
  username?: string;
  email?: string;
  fullName?: string;
  roles?: string;
  hash?: string;
  attributes?: Record<string, string>;
}

export interface MetaView {
  name: string;
}

export interface MetaPage {
  id?: string;
  url?: string;
  attributes?: Record<string, string>;
}

export interface MetaSession {
  id?: string;
  attributes?: Record<string, string>;
  overrides?: { serviceName?: string };
}

/** Everything that is sent beside the items. */
export interface Meta {
  app?: MetaApp;
  user?: MetaUser;
  view?: MetaView;
  page?: MetaPage;
  session?: MetaSession;
  sdk?: { name?: string; version?: string };
  browser?: Record<string, unknown>;
  [part: string]: unknown;
}

/** One item on its way out, as `beforeSend` sees it. */
export interface TransportItem<P = Record<string, unknown>> {
  type: TransportItemType;
  payload: P;
  meta: Meta;
}

/** Returns the item to send, changed or not, or null to drop it. Called with capture off. */
export type BeforeSendHook = (item: TransportItem) => TransportItem | null;

/** Turns what was passed to `pushLog` or to a console method into the message. */
export type LogArgsSerializer = (args: unknown[]) => string;

export interface BrowserConfig {
  /** What the telemetry is about; only `name` is needed. */
  app: MetaApp;
  /** Where batches are posted: the `/collect` of a receiver. */
  url?: string;
  /** Sent as `x-api-key`. */
  apiKey?: string;
  /** What to listen to; `getWebInstrumentations()` when absent. Add `new TracingInstrumentation()` for requests. */
  instrumentations?: Instrumentation[];
  /** Defaults: enabled, 250 ms, 50 items. */
  batching?: { enabled?: boolean; sendTimeout?: number; itemLimit?: number };
  /**
   * The receiver reads gzip: what leaves with the page is compressed, so that more of it fits. Ours says so itself after the
   * first batch; true says it from the start, or of another receiver.
   */
  requestCompression?: boolean;
  beforeSend?: BeforeSendHook;
  /** Drops an item equal to the one before it. Default true. */
  dedupe?: boolean;
  /** Default 'browser'. */
  eventDomain?: string;
  /** Property of `window` that shows the instance. Default 'faro'. */
  globalObjectKey?: string;
  preventGlobalExposure?: boolean;
  /** Default ERROR. */
  internalLoggerLevel?: InternalLoggerLevel;
  logArgsSerializer?: LogArgsSerializer;
  /** Starts paused; `faro.unpause()` starts capture. */
  paused?: boolean;
  /** Tested against message, name and stack: a string must be contained. */
  ignoreErrors?: Patterns;
  /** Requests that are not observed: a string must be the whole URL. The upload URL always is among them. */
  ignoreUrls?: Patterns;
  sessionTracking?: {
    /** Default true. */
    enabled?: boolean;
    /** True keeps the session in localStorage, across tabs and visits. Default false: sessionStorage. */
    persistent?: boolean;
    session?: MetaSession;
    /** Persistent sessions idle for longer than this are not resumed. Default 15 minutes, in milliseconds. */
    maxSessionPersistenceTime?: number;
    /** Share of sessions that send, 0 to 1. Default 1. */
    samplingRate?: number;
  };
  user?: MetaUser;
  view?: MetaView;
  pageTracking?: { page?: MetaPage };
  consoleInstrumentation?: ConsoleOptions;
}

/** Faro's name for the whole configuration. */
export type Config = BrowserConfig;

export interface ConsoleOptions {
  /** Levels that are not captured. Default: debug, trace and log. */
  disabledLevels?: readonly LogLevel[];
  /** Sends `console.error` as a log instead of an exception. Default false. */
  consoleErrorAsLog?: boolean;
}

export interface TracingOptions {
  instrumentationOptions?: {
    /** Cross-origin URLs that get a `traceparent`: a string must be the whole URL. Same-origin ones always do. */
    propagateTraceHeaderCorsUrls?: Patterns;
  };
}
