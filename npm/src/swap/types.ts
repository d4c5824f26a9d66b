// The shapes behind Faro's names, written down so that code which was typed against Faro compiles here.

import type * as core from '../index.js';
import type { InternalLoggerLevel, LogLevel, TransportItemType, UserActionImportance, UserActionState } from './constants.js';

export type Patterns = Array<string | RegExp>;

export type MetaAttributes = Record<string, string>;

export interface MetaOverrides {
  serviceName?: string;
  geoLocationTrackingEnabled?: boolean;
}

export interface MetaSDKIntegration {
  name?: string;
  version?: string;
}

export interface MetaSDK {
  name?: string;
  version?: string;
  integrations?: MetaSDKIntegration[];
}

export interface MetaApp {
  name?: string;
  namespace?: string;
  version?: string;
  release?: string;
  environment?: string;
  bundleId?: string;
  gitHash?: string;
  installationId?: string;
}

export interface MetaUser {
  id?: string;
  username?: string;
  email?: string;
  fullName?: string;
  /** Comma-separated. */
  roles?: string;
  hash?: string;
  attributes?: MetaAttributes;
}

export interface MetaSession {
  id?: string;
  attributes?: MetaAttributes;
  overrides?: MetaOverrides;
}

export interface MetaPage {
  id?: string;
  url?: string;
  attributes?: MetaAttributes;
}

export interface MetaView {
  name: string;
}

export interface MetaBrowser {
  name?: string;
  version?: string;
  os?: string;
  mobile?: boolean;
  userAgent?: string;
  language?: string;
  brands?: { brand?: string; version?: string }[] | string;
  viewportWidth?: string;
  viewportHeight?: string;
}

export interface MetaK6 {
  isK6Browser?: boolean;
  testRunId?: string;
}

export interface MetaOS {
  name?: string;
  version?: string;
  build_id?: string;
  detail?: string;
}

export interface MetaDevice {
  manufacturer?: string;
  model_identifier?: string;
  model_name?: string;
  brand?: string;
  is_physical?: boolean;
  type?: string;
}

export interface Meta {
  sdk?: MetaSDK;
  app?: MetaApp;
  user?: MetaUser;
  session?: MetaSession;
  page?: MetaPage;
  browser?: MetaBrowser;
  view?: MetaView;
  k6?: MetaK6;
  os?: MetaOS;
  device?: MetaDevice;
}

export type MetaGetter<P = Partial<Meta>> = () => P;
export type MetaItem<P = Partial<Meta>> = P | MetaGetter<P>;
export type MetasListener = (value: Meta) => void;

export interface Metas {
  add(...items: MetaItem[]): void;
  remove(...items: MetaItem[]): void;
  addListener(listener: MetasListener): void;
  removeListener(listener: MetasListener): void;
  capture?(callback?: () => void): Meta;
  addCaptureListener?(listener: () => void): void;
  removeCaptureListener?(listener: () => void): void;
  readonly value: Meta;
}

/** What Faro calls the ids of a span; `traceparent` is the header, ready to send. */
export interface TraceContext {
  trace_id: string;
  span_id: string;
  traceparent?: string;
  tracestate?: string;
}

export interface UserAction {
  name: string;
  id?: string;
  parentId?: string;
}

interface Item {
  timestamp: string;
  trace?: TraceContext;
  action?: UserAction;
}

export type LogContext = Record<string, string>;

export interface LogEvent extends Item {
  message: string;
  level: LogLevel;
  context: LogContext | undefined;
}

export type EventAttributes = Record<string, string>;

export interface EventEvent extends Item {
  name: string;
  domain?: string;
  attributes?: EventAttributes;
}

export interface MeasurementEvent<V extends { [label: string]: number } = { [label: string]: number }> extends Item {
  type: string;
  values: V;
  context?: Record<string, string>;
}

export interface ExceptionStackFrame {
  filename: string;
  function: string;
  lineno?: number;
  colno?: number;
  bundleid?: string;
}

export interface Stacktrace {
  frames: ExceptionStackFrame[];
}

/** What `ErrorsInstrumentation` hears. */
export type ErrorEvent = (Error | Event) & { error?: Error };
export type ExtendedPromiseRejectionEvent = PromiseRejectionEvent & { detail?: { reason: unknown } };

export type BaseObjectKey = string | number;
export type BaseObjectPrimitiveValue = string | number | boolean | null | undefined;
export type BaseObjectValue = BaseObjectPrimitiveValue | BaseObject | BaseObjectPrimitiveValue[];
export interface BaseObject {
  [key: BaseObjectKey]: BaseObjectValue;
}

export interface ExtendedError extends Error {
  columnNumber?: number;
  stacktrace?: Error['stack'];
}

export type StacktraceParser = (error: ExtendedError) => Stacktrace;

interface Exception extends Item {
  type: string;
  value: string;
  stacktrace?: Stacktrace;
  context?: Record<string, string>;
  fingerprint?: string;
  fatal?: boolean;
}

export type ExceptionEventExtended = Exception & { originalError?: Error };
export type ExceptionEvent<Extended = Exception> = Extended extends boolean ? ExceptionEventExtended : Exception;

export interface TraceEvent {
  resourceSpans?: object[];
}

export type APIEvent = LogEvent | ExceptionEvent | MeasurementEvent | TraceEvent | EventEvent;

export type TransportItemPayload<P = APIEvent> = P;

export interface TransportItem<P = APIEvent> {
  type: TransportItemType;
  payload: TransportItemPayload<P>;
  meta: Meta;
}

export interface TransportBody {
  meta: Meta;
  exceptions?: ExceptionEvent[];
  logs?: LogEvent[];
  measurements?: MeasurementEvent[];
  traces?: TraceEvent;
  events?: EventEvent[];
}

export type SendFn<P = APIEvent> = (items: Array<TransportItem<P>>) => void;
export type BeforeSendHook<P = APIEvent> = (item: TransportItem<P>) => TransportItem<P> | null;
export type LogArgsSerializer = (args: unknown[]) => string;

/** The console methods as they were before any patch. */
export type UnpatchedConsole = Console;

export interface InternalLogger {
  readonly prefix: string;
  debug: Console['debug'];
  info: Console['info'];
  warn: Console['warn'];
  error: Console['error'];
}

export interface Extension {
  readonly name: string;
  readonly version: string;
  internalLogger: InternalLogger;
  unpatchedConsole: UnpatchedConsole;
  config: Config;
  metas: Metas;
  logDebug(...args: unknown[]): void;
  logInfo(...args: unknown[]): void;
  logWarn(...args: unknown[]): void;
  logError(...args: unknown[]): void;
}

export interface Instrumentation extends Extension {
  api: API;
  transports: Transports;
  initialize: VoidFunction;
  destroy?: VoidFunction;
}

export interface Instrumentations {
  add(...instrumentations: Instrumentation[]): void;
  remove(...instrumentations: Instrumentation[]): void;
  readonly instrumentations: Instrumentation[];
}

export interface Transport extends Extension {
  send(items: TransportItem | TransportItem[]): void | Promise<void>;
  isBatched(): boolean;
  getIgnoreUrls(): Patterns;
}

export interface Transports {
  add(...transports: Transport[]): void;
  remove(...transports: Transport[]): void;
  readonly transports: Transport[];
  addBeforeSendHooks(...hooks: Array<BeforeSendHook | undefined>): void;
  removeBeforeSendHooks(...hooks: Array<BeforeSendHook | undefined>): void;
  getBeforeSendHooks(): BeforeSendHook[];
  execute(item: TransportItem): void;
  pause(): void;
  unpause(): void;
  isPaused(): boolean;
}

export interface SpanIds {
  traceId: string;
  spanId: string;
}

export interface PushOptions {
  skipDedupe?: boolean;
  spanContext?: SpanIds;
  timestampOverwriteMs?: number;
}

export interface PushErrorOptions extends PushOptions {
  type?: string;
  fatal?: boolean;
  fingerprint?: string;
  stackFrames?: ExceptionStackFrame[];
  context?: Record<string, string>;
  originalError?: Error;
}

export interface PushLogOptions extends PushOptions {
  level?: LogLevel;
  context?: LogContext;
}

export interface PushMeasurementOptions extends PushOptions {
  context?: Record<string, string>;
}

export interface PushEventOptions extends PushOptions {
  /** Not read; `beforeSend` sees the event too. */
  customPayloadTransformer?: (payload: EventEvent) => EventEvent;
}

export interface LogsAPI {
  pushLog(args: unknown[], options?: PushLogOptions): void;
}

export interface ExceptionsAPI {
  pushError(error: Error & { cause?: unknown }, options?: PushErrorOptions): void;
  changeStacktraceParser(parser: StacktraceParser): void;
  getStacktraceParser(): StacktraceParser | undefined;
}

export interface MeasurementsAPI {
  pushMeasurement(
    payload: Omit<MeasurementEvent, 'timestamp'> & Partial<Pick<MeasurementEvent, 'timestamp'>>,
    options?: PushMeasurementOptions,
  ): void;
}

export interface EventsAPI {
  pushEvent(name: string, attributes?: EventAttributes, domain?: string, options?: PushEventOptions): void;
}

/** A span, as far as code that was written for OpenTelemetry's reaches into it. */
export interface Span {
  setAttribute(key: string, value: unknown): this;
  setAttributes(attributes: Record<string, unknown>): this;
  addEvent(name: string, attributes?: Record<string, unknown>): this;
  setStatus(status: { code: number; message?: string }): this;
  updateName(name: string): this;
  recordException(exception: unknown): void;
  spanContext(): SpanIds & { traceFlags: number };
  isRecording(): boolean;
  end(endTime?: number): void;
}

interface SpanStart {
  kind?: number;
  attributes?: Record<string, unknown>;
  startTime?: number;
  root?: boolean;
}

export interface OTELApi {
  trace: {
    getTracer(name: string, version?: string): { startSpan(name: string, options?: SpanStart, context?: object): Span };
    setSpan(context: object, span: Span): object;
    getSpan(context: object): Span | undefined;
    getActiveSpan(): Span | undefined;
  };
  context: {
    active(): object;
    with<R>(context: object, work: () => R): R;
  };
}

export interface TracesAPI {
  getOTEL(): OTELApi | undefined;
  getTraceContext(): TraceContext | undefined;
  /** The agent has tracers of its own. From here on `getOTEL` answers with these, and `getTraceContext` with their active span. */
  initOTEL(trace: OTELApi['trace'], context: OTELApi['context']): void;
  isOTELInitialized(): boolean;
  pushTraces(traces: TraceEvent): void;
}

export interface MetaAPI {
  setUser(user?: MetaUser): void;
  resetUser(): void;
  setSession(session?: MetaSession, options?: { overrides: Pick<MetaOverrides, 'serviceName'> }): void;
  resetSession(): void;
  getSession(): MetaSession | undefined;
  setView(view?: MetaView, options?: { overrides: Pick<MetaOverrides, 'serviceName'> }): void;
  getView(): MetaView | undefined;
  setPage(page?: MetaPage | string): void;
  getPage(): MetaPage | undefined;
}

export interface UserActionInterface {
  name: string;
  parentId: string;
}

export interface UserActionInternalInterface extends UserActionInterface {
  halt(): void;
  end(attributes?: Record<string, string>): void;
  cancel(): void;
  getState(): UserActionState;
}

export interface StartUserActionOptions {
  triggerName?: string;
  importance?: UserActionImportance;
  initialActivityTimeout?: number;
}

/** Not there yet: both answer with undefined, as Faro's do where no action can be started. */
export interface UserActionsAPI {
  startUserAction(
    name: string,
    attributes?: Record<string, string>,
    options?: StartUserActionOptions,
  ): UserActionInterface | undefined;
  getActiveUserAction(): UserActionInterface | undefined;
}

/** Beyond Faro: spans of one's own. */
export type SpansAPI = Pick<core.API, 'startActionSpan' | 'inject' | 'extract'>;

export type API = SpansAPI & UserActionsAPI & LogsAPI & ExceptionsAPI & MeasurementsAPI & TracesAPI & MetaAPI & EventsAPI;

export interface SamplingContext {
  metas: Meta;
}

export interface Config<P = APIEvent> {
  app: MetaApp;
  url?: string;
  apiKey?: string;
  /** The agent decides by itself when a batch is compressed. */
  requestCompression?: boolean;
  transports?: Transport[];
  instrumentations?: Instrumentation[];
  batching?: { readonly enabled?: boolean; readonly sendTimeout?: number; readonly itemLimit?: number };
  beforeSend?: BeforeSendHook<P>;
  dedupe?: boolean;
  eventDomain?: string;
  globalObjectKey?: string;
  preventGlobalExposure?: boolean;
  /** There is one agent in the page: an isolated instance is the page's own one, under its own `globalObjectKey`. */
  isolate?: boolean;
  internalLoggerLevel?: InternalLoggerLevel;
  unpatchedConsole?: UnpatchedConsole;
  logArgsSerializer?: LogArgsSerializer;
  /** Added to what the agent says about the page; they take nothing away. */
  metas?: MetaItem[];
  parseStacktrace?: StacktraceParser;
  paused?: boolean;
  ignoreErrors?: Patterns;
  ignoreUrls?: Patterns;
  preserveOriginalError?: boolean;
  sessionTracking?: {
    enabled?: boolean;
    persistent?: boolean;
    session?: MetaSession;
    maxSessionPersistenceTime?: number;
    samplingRate?: number;
    sampler?: (context: SamplingContext) => number;
    generateSessionId?: () => string;
    onSessionChange?: (before: MetaSession | null, now: MetaSession) => void;
  };
  user?: MetaUser;
  view?: MetaView;
  trackResources?: boolean;
  trackGeolocation?: boolean;
  webVitalsInstrumentation?: { reportAllChanges?: boolean; trackAttributionSources?: boolean };
  consoleInstrumentation?: {
    disabledLevels?: LogLevel[];
    consoleErrorAsLog?: boolean;
    serializeErrors?: boolean;
    errorSerializer?: LogArgsSerializer;
  };
  pageTracking?: { page?: MetaPage; generatePageId?: (location: Location) => string };
  userActionsInstrumentation?: {
    dataAttributeName?: string;
    initialActivityTimeout?: number;
    excludeItem?: (item: TransportItem<APIEvent>) => boolean;
  };
  experimental?: { trackNavigation?: boolean };
}

export type BrowserConfig = Config;

export interface Faro {
  api: API;
  config: Config;
  instrumentations: Instrumentations;
  internalLogger: InternalLogger;
  metas: Metas;
  transports: Transports;
  unpatchedConsole: UnpatchedConsole;
  pause(): void;
  unpause(): void;
  /** Beyond Faro: sends what is queued now. */
  flush(): void;
  /** Beyond Faro: sends what is queued, stops listening and puts back everything that was patched. */
  shutdown(): void;
  /** Beyond Faro: `{queued, sent, dropped: {reason: count}}`, in items. */
  stats(): object;
}
