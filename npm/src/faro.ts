// `initializeFaro`: one instance a page, put together from the agent, its api and the taps.

import { agent, type Host } from './agent.js';
import { api, type API } from './api.js';
import type { BrowserConfig, Meta, TransportItem } from './config.js';
import { own } from './guard.js';
import { getWebInstrumentations, type Instrumentation, type Reach } from './instrumentations.js';
import { internalLogger, type InternalLogger } from './logger.js';
import { textMatches } from './match.js';
import type { Undo } from './patch.js';
import { spans } from './spans.js';
import * as exit from './taps/exit.js';
import { VERSION } from './version.js';
import { wasm } from './wasm.js';

/** What `initializeFaro` returns, and what `window.faro` is. */
export interface Faro {
  readonly api: API;
  readonly config: BrowserConfig;
  readonly metas: { readonly value: Meta };
  readonly instrumentations: {
    add(...list: Instrumentation[]): void;
    remove(...list: Instrumentation[]): void;
    readonly instrumentations: Instrumentation[];
  };
  readonly internalLogger: InternalLogger;
  /** The console methods as they were before any patch. */
  readonly unpatchedConsole: Console;
  /** What is captured while paused is dropped; what was queued before still goes out. */
  pause(): void;
  unpause(): void;
  /** Sends what is queued now. */
  flush(): void;
  /** Sends what is queued, stops listening and puts back everything that was patched. */
  shutdown(): void;
  /** `{queued, sent, dropped: {reason: count}}`, in items. */
  stats(): object;
}

/** The page's one instance, shared by every copy of this package on it. */
interface Registered {
  version: string;
  faro: Faro;
}

const KEY = Symbol.for('farol');
const scope = globalThis as { [KEY]?: Registered };

/** The running instance; before `initializeFaro` the one that another copy has started, or one whose calls do nothing. */
export let faro: Faro = new Proxy(assemble({ app: { name: '' } }).faro, {
  get: (idle, key) => Reflect.get(scope[KEY]?.faro ?? idle, key) as unknown,
});

/**
 * Starts capturing and returns the instance, synchronously. Never throws: where the agent cannot run
 * (no window, a CSP without 'wasm-unsafe-eval') the instance does nothing and the page is left alone.
 * A second call returns the first instance.
 */
export function initializeFaro(config: BrowserConfig): Faro {
  const first = scope[KEY];
  if (first) {
    own(() => first.faro.internalLogger.error(`already initialised, by version ${first.version}: that one stays in charge`));
    return (faro = first.faro);
  }
  const { faro: made, start } = assemble(config);
  faro = made;
  own(() => {
    try {
      if (typeof window !== 'undefined') start();
    } catch (error) {
      made.internalLogger.error(error instanceof Error ? error.message : error, '- nothing is captured');
    }
  });
  return made;
}

/** The instance and what brings it to life; nothing is touched before `start`. */
function assemble(config: BrowserConfig): { faro: Faro; start: () => void } {
  let live = false;
  const running = new Map<Instrumentation, Undo>();
  const stops: Undo[] = [];
  const unpatchedConsole = { ...console };
  const logger = internalLogger(unpatchedConsole, config.internalLoggerLevel);

  const report: Reach['report'] = ({ type, value, stack, context }, options) => {
    if (textMatches(`${value} ${type} ${stack}`, config.ignoreErrors)) return;
    agent.error(type, value, stack, { ...options, context: { ...context, ...options?.context } });
  };
  const tracer = spans(agent);
  const reach: Reach = { agent, config, report, leaving: new Set(), spans: tracer };

  const made: Faro = {
    api: api(agent, tracer, report, config.logArgsSerializer),
    config,
    metas: {
      get value() {
        return own(() => agent.metas() as Meta) ?? {};
      },
    },
    instrumentations: {
      add: (...list) => list.forEach((one) => live && !running.has(one) && own(() => running.set(one, one.start(reach)))),
      remove: (...list) =>
        list.forEach((one) => {
          own(() => running.get(one)?.());
          running.delete(one);
        }),
      get instrumentations() {
        return [...running.keys()];
      },
    },
    internalLogger: logger,
    unpatchedConsole,
    pause: () => void own(() => agent.pause()),
    unpause: () => void own(() => agent.unpause()),
    flush: () => void own(() => agent.flush('call')),
    shutdown() {
      if (scope[KEY]?.faro !== made) return;
      delete scope[KEY];
      live = false;
      made.instrumentations.remove(...running.keys());
      stops.forEach((stop) => own(stop));
      own(() => agent.shutdown());
    },
    stats: () => own(() => agent.stats()) ?? {},
  };

  const start = () => {
    scope[KEY] = { version: VERSION, faro: made };
    own(() => stops.push(expose(made)));
    if (!config.url && !config.beforeSend) logger.error('no url is configured, nothing can be sent');
    if (!agent.load(wasm)) throw new Error("WebAssembly could not be started; a CSP must allow 'wasm-unsafe-eval'");
    if (!agent.start(config, host(config, logger))) throw new Error('the agent could not be started');
    live = true;
    made.instrumentations.add(...(config.instrumentations ?? getWebInstrumentations()));
    stops.push(exit.start(reach));
  };
  return { faro: made, start };
}

/** What the agent gets from the page: the `fetch` of before our patch, and the user's hook. */
function host({ beforeSend }: BrowserConfig, logger: InternalLogger): Host {
  const lent: Host = { fetch: window.fetch.bind(window) };
  if (beforeSend) {
    // A hook that fails drops its item: what it was to remove must not be sent.
    lent.transform = (item) =>
      own(() => {
        try {
          const kept = beforeSend(item as TransportItem);
          return kept ? JSON.stringify(kept.payload) : null;
        } catch (error) {
          logger.error('beforeSend failed, the item is dropped', error);
          return null;
        }
      }) ?? null;
  }
  return lent;
}

/** Puts the instance on `window`, unless the page uses that name. */
function expose(made: Faro): Undo {
  const key = made.config.globalObjectKey ?? 'faro';
  if (made.config.preventGlobalExposure || key in window) return () => {};
  Object.defineProperty(window, key, { value: made, configurable: true });
  return () => Reflect.deleteProperty(window, key);
}
