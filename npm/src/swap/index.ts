// `farol/faro`: all the names of the Faro Web SDK and its tracing, for code that was written against them.

export { faro, initializeFaro } from './initialize.js';
export * from './constants.js';
export { BaseExtension, BaseInstrumentation, BaseTransport, createInternalLogger, defaultUnpatchedConsole } from './extensions.js';
export * from './frames.js';
export {
  ConsoleInstrumentation,
  CSPInstrumentation,
  ErrorsInstrumentation,
  getWebInstrumentations,
  NavigationInstrumentation,
  PerformanceInstrumentation,
  SessionInstrumentation,
  TracingInstrumentation,
  UserActionInstrumentation,
  ViewInstrumentation,
  WebVitalsInstrumentation,
  type ConsoleInstrumentationOptions,
  type GetWebInstrumentationsOptions,
  type TracingInstrumentationOptions,
} from './instrumentations.js';
export { browserMeta, osMeta, sdkMeta } from './metas.js';
export * from './observable.js';
export * from './predicates.js';
export * from './registry.js';
export * from './transports.js';
export type * from './types.js';
export * from './values.js';
export { VERSION } from '../index.js';
