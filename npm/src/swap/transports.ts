// Faro's transports: to a receiver by `fetch`, to the console.

import { VERSION } from '../index.js';
import { LogLevel, transportItemTypeToBodyKey } from './constants.js';
import { BaseTransport } from './extensions.js';
import type { Patterns, TraceEvent, TransportBody, TransportItem } from './types.js';
import { createPromiseBuffer, genShortID, type PromiseBuffer } from './values.js';

/** Bytes that requests which outlive the page may carry between them; the platform's limit is 64 KiB. */
const KEEPALIVE_BYTES = 60_000;

/** Answers that a second attempt may better. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** One request body: items with the meta of the first. */
export function getTransportBody(items: TransportItem[]): TransportBody {
  const body: TransportBody = { meta: items[0]?.meta ?? {} };
  const lists = body as unknown as Record<string, unknown[]>;
  for (const { type, payload } of items) {
    if (type === 'trace') {
      const { resourceSpans = [] } = payload as TraceEvent;
      body.traces = { resourceSpans: [...(body.traces?.resourceSpans ?? []), ...resourceSpans] };
    } else (lists[transportItemTypeToBodyKey[type]] ??= []).push(payload);
  }
  return body;
}

type Header = string | (() => string | Promise<string>);

export interface FetchTransportRequestOptions extends Omit<RequestInit, 'body' | 'headers'> {
  /** Functions are asked once for each batch. */
  headers?: Record<string, Header>;
}

export interface RetryOptions {
  /** The first included. Default 3. */
  maxAttempts?: number;
  /** Milliseconds. Default 1,000. */
  initialBackoffMs?: number;
  /** Milliseconds; a `Retry-After` past it ends the attempts. Default 30,000. */
  maxBackoffMs?: number;
  /** Default 2. */
  backoffMultiplier?: number;
}

export type ClockFn = () => number;
export type RandomFn = () => number;

export interface FetchTransportOptions {
  url: string;
  apiKey?: string;
  /** Batches that may wait. Default 30. */
  bufferSize?: number;
  /** Requests at a time. Default 5. */
  concurrency?: number;
  defaultRateLimitBackoffMs?: number;
  retry?: RetryOptions;
  /** Milliseconds. Default 10,000. */
  requestTimeoutMs?: number;
  getNow?: ClockFn;
  getRandom?: RandomFn;
  requestOptions?: FetchTransportRequestOptions;
  requestCompression?: boolean;
}

/** As it was before anything watched it. */
const plainFetch = globalThis.fetch;
let keptAlive = 0;

/** Posts batches. One with nothing but a URL and a key is left to the agent's own, faster way. */
export class FetchTransport extends BaseTransport {
  readonly name = '@grafana/faro-web-sdk:transport-fetch';
  readonly version = VERSION;
  private readonly buffer: PromiseBuffer<void>;

  constructor(readonly options: FetchTransportOptions) {
    super();
    this.buffer = createPromiseBuffer({ size: options.bufferSize ?? 30, concurrency: options.concurrency ?? 5 });
  }

  override isBatched(): boolean {
    return true;
  }

  override getIgnoreUrls(): Patterns {
    return [this.options.url, ...(this.config.ignoreUrls ?? [])];
  }

  async send(items: TransportItem | TransportItem[]): Promise<void> {
    const list = [items].flat();
    try {
      if (list.length) await this.buffer.add(() => this.post(list));
    } catch (error) {
      this.logError('the batch is lost', error);
    }
  }

  private async post(items: TransportItem[]): Promise<void> {
    const { url, apiKey, retry = {}, requestTimeoutMs = 10_000, requestOptions: { headers = {}, ...init } = {} } = this.options;
    const { maxAttempts = 3, initialBackoffMs = 1_000, maxBackoffMs = 30_000, backoffMultiplier = 2 } = retry;
    const { getNow = Date.now, getRandom = Math.random } = this.options;
    const body = JSON.stringify(getTransportBody(items));
    const session = items[0]?.meta.session?.id;
    const sent: Record<string, string> = { 'Content-Type': 'application/json', 'Idempotency-Key': genShortID(20) };
    for (const name in headers) {
      const header = headers[name] as Header;
      sent[name] = typeof header === 'function' ? await header() : header;
    }
    if (apiKey) sent['x-api-key'] = apiKey;
    if (session) sent['x-faro-session-id'] = session;
    const size = new Blob([body]).size;

    for (let attempt = 1; ; attempt++) {
      const keepalive = init.keepalive !== false && keptAlive + size <= KEEPALIVE_BYTES;
      if (keepalive) keptAlive += size;
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), requestTimeoutMs);
      let wait = initialBackoffMs * backoffMultiplier ** (attempt - 1);
      try {
        const answer = await plainFetch.call(globalThis, url, {
          method: 'POST', signal: abort.signal, ...init, headers: sent, body, keepalive,
        });
        // Read to its end, so that the connection is free again.
        await answer.text();
        if (!PASSING.includes(answer.status)) return;
        const after = answer.headers.get('Retry-After');
        if (after) wait = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - getNow();
        if (wait > maxBackoffMs) return;
      } catch (error) {
        if (attempt >= maxAttempts) throw error;
      } finally {
        clearTimeout(timer);
        if (keepalive) keptAlive -= size;
      }
      if (attempt >= maxAttempts) return;
      const pause = Math.min(Math.max(wait, 0), maxBackoffMs) * (1 + getRandom() / 5);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

export interface ConsoleTransportOptions {
  level?: LogLevel;
}

/** Shows each item on the console as it was before any patch. */
export class ConsoleTransport extends BaseTransport {
  readonly name = '@grafana/faro-web-sdk:transport-console';
  readonly version = VERSION;

  constructor(private readonly options: ConsoleTransportOptions = {}) {
    super();
  }

  send(items: TransportItem | TransportItem[]): void {
    this.unpatchedConsole[this.options.level ?? LogLevel.DEBUG]('New event', getTransportBody([items].flat()));
  }
}
