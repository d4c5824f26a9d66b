// The package's surface: Faro's names, and what goes beyond them.

export { faro, initializeFaro, type Faro } from './faro.js';
export {
  ConsoleInstrumentation,
  ErrorsInstrumentation,
  getWebInstrumentations,
  TracingInstrumentation,
  WebVitalsInstrumentation,
  type Instrumentation,
  type Reach,
} from './instrumentations.js';
export {
  InternalLoggerLevel,
  LogLevel,
  TransportItemType,
  type BeforeSendHook,
  type BrowserConfig,
  type Config,
  type ConsoleOptions,
  type LogArgsSerializer,
  type Meta,
  type MetaApp,
  type MetaPage,
  type MetaSession,
  type MetaUser,
  type MetaView,
  type TracingOptions,
  type TransportItem,
} from './config.js';
export type {
  API,
  MeasurementEvent,
  PushErrorOptions,
  PushEventOptions,
  PushLogOptions,
  PushMeasurementOptions,
} from './api.js';
export type { InternalLogger } from './logger.js';
export type { Attributes, StackFrame, TraceContext } from './types.js';
export type { Undo } from './patch.js';
export type { Patterns } from './match.js';
export { VERSION } from './version.js';
