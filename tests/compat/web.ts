// What applications write against the Faro Web SDK, in strict TypeScript: the same file compiles against both.

import {
  BaseInstrumentation,
  BaseTransport,
  ConsoleInstrumentation,
  ConsoleTransport,
  createSession,
  CSPInstrumentation,
  ErrorsInstrumentation,
  EVENT_ROUTE_CHANGE,
  faro,
  FetchTransport,
  genShortID,
  getWebInstrumentations,
  initializeFaro,
  InternalLoggerLevel,
  isError,
  LogLevel,
  PerformanceInstrumentation,
  SessionInstrumentation,
  TransportItemType,
  VERSION,
  ViewInstrumentation,
  WebVitalsInstrumentation,
  type API,
  type APIEvent,
  type BeforeSendHook,
  type BrowserConfig,
  type EventEvent,
  type ExceptionEvent,
  type Faro,
  type Instrumentation,
  type LogEvent,
  type MeasurementEvent,
  type Meta,
  type MetaItem,
  type MetaSession,
  type MetaUser,
  type Metas,
  type Patterns,
  type PushErrorOptions,
  type PushLogOptions,
  type StacktraceParser,
  type Transport,
  type TransportItem,
  type Transports,
} from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';

/** A transport of one's own, as the documentation has it. */
export class QueueTransport extends BaseTransport {
  readonly name = 'queue-transport';
  readonly version = '1.0.0';
  readonly kept: TransportItem[] = [];

  send(items: TransportItem | TransportItem[]): void {
    const list = Array.isArray(items) ? items : [items];
    this.kept.push(...list);
    this.logDebug('kept', list.length);
  }

  override isBatched(): boolean {
    return true;
  }

  override getIgnoreUrls(): Patterns {
    return ['https://queue.example.com/', /queue/];
  }
}

/** An instrumentation of one's own. */
export class VisibilityInstrumentation extends BaseInstrumentation {
  readonly name = 'visibility';
  readonly version = VERSION;

  initialize(): void {
    this.logInfo('watching', this.config.app.name, this.metas.value.session?.id);
    document.addEventListener('visibilitychange', this.hear);
  }

  destroy(): void {
    document.removeEventListener('visibilitychange', this.hear);
  }

  private readonly hear = (): void => {
    this.api.pushEvent('visibility', { state: document.visibilityState });
    this.transports.getBeforeSendHooks().length;
  };
}

const scrub: BeforeSendHook = (item: TransportItem<APIEvent>) => {
  if (item.type === TransportItemType.EXCEPTION) {
    const payload = item.payload as ExceptionEvent;
    if (payload.value.includes('ResizeObserver')) return null;
    return { ...item, payload: { ...payload, value: payload.value.slice(0, 100) } };
  }
  if (item.type === TransportItemType.LOG && (item.payload as LogEvent).level === LogLevel.DEBUG) return null;
  if (item.type === TransportItemType.EVENT) {
    const { name, attributes } = item.payload as EventEvent;
    if (name === 'secret' || attributes?.['secret']) return null;
  }
  if (item.type === TransportItemType.MEASUREMENT && (item.payload as MeasurementEvent).values['cls'] === 0) return null;
  if (item.meta.page?.url) item.meta.page.url = item.meta.page.url.split('?')[0] ?? '';
  return item;
};

const build: MetaItem = () => ({ app: { release: 'r1' } });
const instrumentations: Instrumentation[] = [
  ...getWebInstrumentations({ captureConsole: true, enablePerformanceInstrumentation: false }),
  new TracingInstrumentation({
    instrumentationOptions: {
      propagateTraceHeaderCorsUrls: ['https://api.example.com/', /api\.example\.com/],
    },
  }),
  new VisibilityInstrumentation(),
];
const named: Instrumentation[] = [
  new ErrorsInstrumentation(),
  new WebVitalsInstrumentation(),
  new ConsoleInstrumentation(),
  new SessionInstrumentation(),
  new ViewInstrumentation(),
  new PerformanceInstrumentation(),
  new CSPInstrumentation(),
];

const config: BrowserConfig = {
  url: 'https://collector.example.com/collect',
  apiKey: 'key',
  app: { name: 'shop', version: '1.0.0', environment: 'production', namespace: 'web', release: 'r1', bundleId: 'b' },
  instrumentations,
  transports: [
    new FetchTransport({
      url: 'https://collector.example.com/collect',
      apiKey: 'key',
      bufferSize: 30,
      concurrency: 5,
      requestOptions: { credentials: 'include', headers: { authorization: () => 'Bearer x', 'x-tenant': 'a' } },
      retry: { maxAttempts: 2 },
    }),
    new ConsoleTransport({ level: LogLevel.DEBUG }),
    new QueueTransport(),
  ],
  batching: { enabled: true, sendTimeout: 1000, itemLimit: 20 },
  beforeSend: scrub,
  dedupe: true,
  eventDomain: 'shop',
  globalObjectKey: 'shopFaro',
  preventGlobalExposure: false,
  isolate: false,
  internalLoggerLevel: InternalLoggerLevel.VERBOSE,
  ignoreErrors: [/ResizeObserver/, 'Script error.'],
  ignoreUrls: [/analytics/],
  logArgsSerializer: (args: unknown[]) => args.map(String).join(','),
  metas: [build, { view: { name: 'start' } }],
  paused: false,
  preserveOriginalError: true,
  sessionTracking: {
    enabled: true,
    persistent: true,
    samplingRate: 0.5,
    sampler: ({ metas }) => (metas.app?.environment === 'production' ? 0.1 : 1),
    maxSessionPersistenceTime: 60_000,
    generateSessionId: () => genShortID(),
    session: createSession({ plan: 'gold' }),
    onSessionChange: (before: MetaSession | null, now: MetaSession) => console.info(before?.id, now.id),
  },
  user: { id: '1', username: 'bob', attributes: { role: 'manager' } },
  view: { name: 'home' },
  trackResources: true,
  trackGeolocation: false,
  webVitalsInstrumentation: { reportAllChanges: false, trackAttributionSources: true },
  consoleInstrumentation: { disabledLevels: [LogLevel.TRACE, LogLevel.DEBUG], consoleErrorAsLog: true, serializeErrors: true },
  pageTracking: { page: { id: 'p' }, generatePageId: (location) => location.pathname },
  userActionsInstrumentation: { dataAttributeName: 'data-action', excludeItem: (item) => item.type === TransportItemType.LOG },
  experimental: { trackNavigation: true },
};

export const instance: Faro = initializeFaro(config);
export const key: keyof Faro = 'api';

const user: MetaUser = { email: 'bob@example.com', roles: 'admin,editor', hash: 'h', fullName: 'Bob' };
faro.api.setUser(user);
faro.api.resetUser();
faro.api.setSession(createSession());
faro.api.setSession({ attributes: { a: 'b' } }, { overrides: { serviceName: 'other' } });
faro.api.resetSession();
faro.api.setView({ name: 'checkout' }, { overrides: { serviceName: 'other' } });
faro.api.setPage('page-id');
faro.api.setPage({ id: 'page-id', attributes: { a: 'b' } });
export const names: (string | undefined)[] = [faro.api.getView()?.name, faro.api.getPage()?.url, faro.api.getSession()?.id];

const errorOptions: PushErrorOptions = {
  skipDedupe: true,
  type: 'Checkout',
  fingerprint: 'f',
  context: { step: '2' },
  stackFrames: [{ filename: 'a.js', function: 'f', lineno: 1, colno: 2 }],
};
faro.api.pushError(new Error('boom', { cause: new Error('inner') }), errorOptions);
try {
  throw new Error('caught');
} catch (error) {
  if (isError(error)) faro.api.pushError(error);
  faro.api.pushError(error as Error, { fatal: true });
}
const logOptions: PushLogOptions = { level: LogLevel.WARN, context: { a: 'b' }, skipDedupe: true };
faro.api.pushLog(['text', { an: 'object' }], logOptions);
faro.api.pushMeasurement({ type: 'cart', values: { items: 3 } }, { context: { a: 'b' }, skipDedupe: true });
const eventOptions: Parameters<API['pushEvent']>[3] = { skipDedupe: true, timestampOverwriteMs: Date.now() };
faro.api.pushEvent(EVENT_ROUTE_CHANGE, { to: '/cart' }, 'shop', eventOptions);
const action = faro.api.startUserAction('buy', { product: 'x' }, { triggerName: 'button' });
export const actionName: string | undefined = action?.name ?? faro.api.getActiveUserAction()?.parentId;

const active = faro.api.getTraceContext();
export const headers: Record<string, string> = active ? { trace: `${active.trace_id}-${active.span_id}` } : {};

const otel = faro.api.getOTEL();
if (otel) {
  const { trace, context } = otel;
  const span = trace.getTracer('shop').startSpan('checkout');
  context.with(trace.setSpan(context.active(), span), () => {
    span.setAttribute('items', 3);
    faro.api.pushLog(['inside']);
    span.end();
  });
}

const parser: StacktraceParser = (error) => ({ frames: [{ filename: 'x', function: error.name }] });
faro.api.changeStacktraceParser(parser);

const { transports, metas, api }: { transports: Transports; metas: Metas; api: API } = faro;
const extra: Transport = new QueueTransport();
transports.add(extra);
transports.pause();
transports.unpause();
transports.addBeforeSendHooks(scrub, undefined);
transports.removeBeforeSendHooks(scrub);
transports.remove(extra);
metas.add(() => ({ page: { id: 'x' } }), { user });
metas.addListener((meta: Meta) => console.info(meta.session?.id));
metas.remove(build);
faro.instrumentations.add(...named);
faro.instrumentations.remove(named[0] as Instrumentation);
faro.pause();
faro.unpause();
faro.internalLogger.info('hello');
faro.unpatchedConsole.warn('hello');
api.pushLog([faro.config.app.name]);

export const byLevel: Record<LogLevel, string> = {
  [LogLevel.TRACE]: 't',
  [LogLevel.DEBUG]: 'd',
  [LogLevel.INFO]: 'i',
  [LogLevel.LOG]: 'l',
  [LogLevel.WARN]: 'w',
  [LogLevel.ERROR]: 'e',
};
export const levels: LogLevel[] = Object.values(LogLevel);
