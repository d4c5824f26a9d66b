// `initializeFaro` with all of Faro's options, over the page's one agent.

import * as core from '../index.js';
import { internalGlobalObjectKey } from './constants.js';
import { createInternalLogger, equip } from './extensions.js';
import { capture, Captured, getWebInstrumentations, parsed, parsing } from './instrumentations.js';
import { metas, settle } from './metas.js';
import { own, pipeline, type Pipeline } from './pipeline.js';
import { session } from './session.js';
import { FetchTransport } from './transports.js';
import type { API, BrowserConfig, Config, ExtendedError, Faro, Instrumentation, MetaItem, OTELApi } from './types.js';
import { deepEqual } from './values.js';

const scope = globalThis as unknown as Record<string, Faro | undefined>;

/** The page's instance. Before `initializeFaro` it stands for the one that another copy has started, if any. */
export let faro = core.faro as unknown as Faro;

/**
 * Starts the page's agent and returns its instance, synchronously; never throws. Where an instance is there already,
 * of another copy or of the Faro SDK itself, that one is returned, also when `isolate` is asked for.
 */
export function initializeFaro(config: BrowserConfig): Faro {
  const foreign = scope[internalGlobalObjectKey];
  const logger = createInternalLogger(undefined, config.internalLoggerLevel);
  try {
    if (!foreign) return (faro = start(config));
    if ('shutdown' in foreign) attach(foreign, config);
    else logger.error('the Faro SDK itself runs on this page and stays in charge');
  } catch (error) {
    // A getter of the page's, a transport without what transports have.
    logger.error('not all that is configured could be set up', error);
  }
  return (faro = foreign ?? faro);
}

/** A second call: nothing of it is started twice. */
function attach(running: Faro, { instrumentations = [], globalObjectKey, preventGlobalExposure, isolate }: BrowserConfig): void {
  if (!isolate) running.internalLogger.info('already initialised; the first instance stays in charge');
  running.instrumentations.add(...instrumentations.filter((one) => !(one instanceof Captured)));
  if (globalObjectKey && !preventGlobalExposure && !(globalObjectKey in scope)) scope[globalObjectKey] = running;
}

function start(given: BrowserConfig): Faro {
  const { config, rest } = settle(given);
  const { url, apiKey } = config;
  const usual = url ? [new FetchTransport({ url, ...(apiKey && { apiKey }) })] : [];
  const list = config.transports?.length ? [...config.transports] : usual;
  const agents = list.map(own).find(Boolean);
  const lane = pipeline(config, list, agents);
  const { onSessionChange, ...tracked } = session(config);
  const asking = !!(config.beforeSend || rest.length || onSessionChange || list.some((one) => one !== agents));

  const settled = {
    ...config,
    url: agents?.options.url,
    apiKey: agents?.options.apiKey,
    instrumentations: [],
    sessionTracking: tracked,
    ignoreUrls: [...(config.ignoreUrls ?? []), ...list.flatMap((one) => one.getIgnoreUrls?.() ?? [])],
    ...(asking && { beforeSend: lane.ask }),
  };
  const base = core.initializeFaro(settled as unknown as core.BrowserConfig);
  const made = base as unknown as Faro;
  // Another copy, without Faro's names (the script tag's for example), may have been first.
  const first = base.config === (settled as unknown);
  complete(base, config, lane, rest, asking && first);
  if (!first) {
    attach(made, config);
    return made;
  }
  if (onSessionChange) watch(made, lane, onSessionChange);
  follow(made, config);
  made.instrumentations.add(...(config.instrumentations ?? getWebInstrumentations()));
  return made;
}

/** Puts on the agent's instance what only Faro has. */
function complete(base: core.Faro, config: Config, lane: Pipeline, rest: MetaItem[], asked: boolean): void {
  const made = base as unknown as Faro;
  const { pause, unpause, shutdown, flush, internalLogger } = base;
  const agentMetas = base.metas;
  const api = made.api;
  const stops: (() => void)[] = [];

  const listed = metas(lane, () => agentMetas.value as Faro['metas']['value'], api, internalLogger as Faro['internalLogger'], rest, asked);
  Object.assign(made, {
    config,
    metas: listed,
    transports: lane,
    instrumentations: instrumentations(base, made),
    pause() {
      lane.pause();
      pause();
    },
    unpause() {
      lane.unpause();
      unpause();
    },
    flush() {
      flush();
      lane.flush();
    },
    shutdown() {
      shutdown();
      lane.flush();
      stops.forEach((stop) => stop());
      if (scope[internalGlobalObjectKey] === made) Reflect.deleteProperty(scope, internalGlobalObjectKey);
    },
  });
  const lanes = { add: lane.add, hooks: lane.addBeforeSendHooks, pause: lane.pause, unpause: lane.unpause };
  const late = (what: string) => {
    if (!asked) internalLogger.error(`${what} added after initializeFaro needs \`transports\` or \`beforeSend\` to be configured there; nothing is given to it`);
  };
  Object.assign(lane, {
    add(...more: Parameters<Pipeline['add']>) {
      if (more.length) late('a transport');
      lanes.add(...more);
    },
    addBeforeSendHooks(...more: Parameters<Pipeline['addBeforeSendHooks']>) {
      if (more.some(Boolean)) late('a hook');
      lanes.hooks(...more);
    },
    pause: () => (lanes.pause(), pause()),
    unpause: () => (lanes.unpause(), unpause()),
  });
  if (config.paused) lanes.pause();
  extend(api, made, lane, listed.changed);
  lane.attach(made);
  if (typeof document === 'undefined') return;
  Object.defineProperty(scope, internalGlobalObjectKey, { value: made, configurable: true });
  for (const type of ['visibilitychange', 'pagehide']) {
    const leave = () => (type === 'pagehide' || document.visibilityState === 'hidden') && lane.flush();
    addEventListener(type, leave, true);
    stops.push(() => removeEventListener(type, leave, true));
  }
}

/** `faro.instrumentations`: those of the agent and those that only have Faro's `initialize`. */
function instrumentations(base: core.Faro, made: Faro): Faro['instrumentations'] {
  const inner = base.instrumentations;
  const adapters = new Map<Instrumentation, core.Instrumentation>();
  return {
    get instrumentations() {
      return [...adapters.keys()];
    },
    add(...list) {
      for (const one of list) {
        if ([...adapters.keys()].some(({ name }) => name === one.name)) continue;
        const { name, version } = one;
        const adapter: core.Instrumentation = {
          name,
          version,
          start(reach) {
            equip(one, made);
            if (one instanceof Captured) return one[capture](reach);
            try {
              one.initialize();
            } catch (error) {
              made.internalLogger.error(`${name} could not be initialised`, error);
            }
            return () => one.destroy?.();
          },
        };
        adapters.set(one, adapter);
        inner.add(adapter);
      }
    },
    remove(...list) {
      for (const one of list) {
        // The agent names its own when it shuts down.
        const [key = one, adapter = one as unknown as core.Instrumentation] =
          [...adapters].find((pair) => pair.includes(one as never)) ?? [];
        adapters.delete(key);
        inner.remove(adapter);
      }
    },
  };
}

/** The calls that only Faro has, and the arguments of the others that only Faro takes. */
function extend(api: API, made: Faro, lane: Pipeline, changed: () => void): void {
  const none = () => void made.internalLogger.warn('user actions are not captured');
  const { pushError, setView, setSession, setUser, resetUser, resetSession, setPage, getTraceContext, getOTEL, isOTELInitialized } = api;
  let otel: OTELApi | undefined;
  const rename = (serviceName: string | undefined) => {
    if (serviceName === undefined) return;
    const { attributes, overrides, id } = api.getSession() ?? {};
    const previousServiceName = overrides?.serviceName ?? made.config.app.name ?? '';
    if (serviceName === previousServiceName) return;
    setSession({ ...(id && { id }), ...(attributes && { attributes }), overrides: { ...overrides, serviceName } });
    api.pushEvent('service_name_override', { serviceName, previousServiceName });
  };
  const telling = <A extends unknown[]>(call: (...args: A) => void) => (...args: A) => {
    call(...args);
    changed();
  };
  parsing.custom = made.config.parseStacktrace;
  const more: Partial<API> & Pick<API, 'pushTraces' | 'initOTEL'> = {
    pushError(error, options) {
      const stackFrames = options?.stackFrames ?? parsed(error as ExtendedError);
      pushError(error, stackFrames ? { ...options, stackFrames } : options);
    },
    changeStacktraceParser: (parser) => void (parsing.custom = parser),
    getStacktraceParser: () => parsing.custom,
    startUserAction: api.startUserAction ?? none,
    getActiveUserAction: api.getActiveUserAction ?? (() => undefined),
    pushTraces: (payload) => lane.execute({ type: 'trace', payload, meta: made.metas.value }),
    initOTEL: (trace, context) => void (otel = { trace, context }),
    getOTEL: () => otel ?? getOTEL(),
    isOTELInitialized: () => !!otel || isOTELInitialized(),
    getTraceContext() {
      const active = otel?.trace.getSpan(otel.context.active())?.spanContext();
      if (!active) return getTraceContext();
      const { traceId: trace_id, spanId: span_id, traceFlags } = active;
      return { trace_id, span_id, traceparent: `00-${trace_id}-${span_id}-0${traceFlags & 1}` };
    },
    setUser: telling(setUser),
    resetUser: telling(resetUser),
    resetSession: telling(resetSession),
    setPage: telling(setPage),
    setSession: telling((session, options) => {
      setSession(session);
      rename(options?.overrides.serviceName);
    }),
    setView: telling((view, options) => {
      rename(options?.overrides.serviceName);
      setView(view);
    }),
  };
  Object.assign(api, more);
}

/** Tells of another session: the agent asks about each item, and a session begins with one. */
function watch(made: Faro, lane: Pipeline, tell: NonNullable<NonNullable<Config['sessionTracking']>['onSessionChange']>): void {
  let last: Faro['metas']['value']['session'] | undefined;
  const look = (session = made.api.getSession()) => {
    if (!session?.id || deepEqual(session, last)) return;
    const before = last ?? null;
    last = session;
    try {
      tell(before, session);
    } catch (error) {
      made.internalLogger.error('onSessionChange failed', error);
    }
  };
  made.metas.addListener(() => look());
  lane.watchers.add(({ meta }) => meta.session?.id !== last?.id && look());
  look();
}

/** Asks for the page's id anew whenever the address is another. */
function follow(made: Faro, { pageTracking }: Config): void {
  const { generatePageId, page } = pageTracking ?? {};
  if (!generatePageId || typeof window === 'undefined') return;
  let address = '';
  const look = () => {
    if (location.href === address) return;
    address = location.href;
    made.api.setPage({ ...page, id: generatePageId(location) });
  };
  const { navigation } = window as { navigation?: EventTarget };
  (navigation ?? window).addEventListener(navigation ? 'currententrychange' : 'popstate', look);
  look();
}
