// Faro's instrumentations by name. Those with a capture in the agent start it; the others live here.

import * as core from '../index.js';
import type { Reach, Undo } from '../index.js';
import type { LogLevel } from './constants.js';
import { BaseInstrumentation } from './extensions.js';
import { resources } from './performance.js';
import type { ExceptionStackFrame, ExtendedError, Instrumentation, LogArgsSerializer, Patterns, Span, StacktraceParser } from './types.js';

/** The member of an instrumentation that starts a capture of the agent's. */
export const capture = /* @__PURE__ */ Symbol('capture');

/** Started by the agent itself, wherever it runs. */
export abstract class Captured extends BaseInstrumentation {
  readonly version = core.VERSION;
  abstract [capture](reach: Reach): Undo;
  initialize(): void {}
}

/** The parser that the page has put in place of the agent's, if any. */
export const parsing: { custom?: StacktraceParser | undefined } = {};

/** What that parser finds; undefined leaves it to the agent's. */
export function parsed(error: ExtendedError): ExceptionStackFrame[] | undefined {
  try {
    const frames = parsing.custom?.(error).frames;
    return frames?.length ? frames : undefined;
  } catch {
    return undefined;
  }
}

export class ErrorsInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-errors';
  [capture](reach: Reach): Undo {
    const report: Reach['report'] = (thrown, options) => {
      const { type: name, value: message, stack } = thrown;
      const stackFrames = parsed({ name, message, stack });
      reach.report(thrown, stackFrames ? { ...options, stackFrames } : options);
    };
    return new core.ErrorsInstrumentation().start({ ...reach, report });
  }
}

export class WebVitalsInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-web-vitals';
  [capture](reach: Reach): Undo {
    return new core.WebVitalsInstrumentation().start(reach);
  }
}

export interface ConsoleInstrumentationOptions {
  disabledLevels?: readonly LogLevel[];
  consoleErrorAsLog?: boolean;
  serializeErrors?: boolean;
  errorSerializer?: LogArgsSerializer;
}

export class ConsoleInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-console';
  constructor(private readonly options: ConsoleInstrumentationOptions = {}) {
    super();
  }
  [capture](reach: Reach): Undo {
    const { disabledLevels, consoleErrorAsLog } = { ...reach.config.consoleInstrumentation, ...this.options };
    const config = { ...reach.config, consoleInstrumentation: { disabledLevels, consoleErrorAsLog } };
    return new core.ConsoleInstrumentation().start({ ...reach, config });
  }
}

/** The agent keeps the session, whether this is listed or not. */
export class SessionInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-session';
  [capture](): Undo {
    return () => {};
  }
}

/** `view_changed` comes from `setView` itself, whether this is listed or not. */
export class ViewInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-view';
  [capture](): Undo {
    return () => {};
  }
}

/** Not there yet: says so, and captures nothing. */
export class UserActionInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-user-action';
  [capture](): Undo {
    this.logWarn('user actions are not captured');
    return () => {};
  }
}

/** Not there yet, likewise. */
export class NavigationInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-sdk:instrumentation-navigation';
  [capture](): Undo {
    this.logWarn('navigations are not captured');
    return () => {};
  }
}

/** Navigation and resource timings. */
export class PerformanceInstrumentation extends BaseInstrumentation {
  readonly name = '@grafana/faro-web-sdk:instrumentation-performance';
  readonly version = core.VERSION;
  private stop: Undo | undefined;
  initialize(): void {
    this.stop = resources(this);
  }
  destroy(): void {
    this.stop?.();
  }
}

/** What a Content-Security-Policy has refused. */
export class CSPInstrumentation extends BaseInstrumentation {
  readonly name = '@grafana/faro-web-sdk:instrumentation-csp';
  readonly version = core.VERSION;
  private readonly hear = (event: SecurityPolicyViolationEvent): void => {
    const { blockedURI, columnNumber, disposition, documentURI, effectiveDirective, lineNumber } = event;
    const { originalPolicy, referrer, sample, sourceFile, statusCode, violatedDirective } = event;
    const numbers = { columnNumber: `${columnNumber}`, lineNumber: `${lineNumber}`, statusCode: `${statusCode}` };
    const texts = { blockedURI, disposition, documentURI, effectiveDirective, originalPolicy, referrer, sample, sourceFile };
    this.api.pushEvent('securitypolicyviolation', { ...texts, ...numbers, violatedDirective });
  };
  initialize(): void {
    document.addEventListener('securitypolicyviolation', this.hear);
  }
  destroy(): void {
    document.removeEventListener('securitypolicyviolation', this.hear);
  }
}

export interface TracingInstrumentationOptions {
  instrumentationOptions?: {
    /** Other origins whose requests get a `traceparent`: a string must be the whole URL. */
    propagateTraceHeaderCorsUrls?: Patterns;
    /** Not read: there is no OpenTelemetry instrumentation that could take them. */
    fetchInstrumentationOptions?: {
      applyCustomAttributesOnSpan?: (span: Span, request: Request | RequestInit, result: Response | Error) => void;
      requestHook?: (span: Span, request: Request | RequestInit) => void;
      clearTimingResources?: boolean;
      ignoreNetworkEvents?: boolean;
      measureRequestSize?: boolean;
    };
    /** Not read, likewise. */
    xhrInstrumentationOptions?: {
      applyCustomAttributesOnSpan?: (span: Span, xhr: XMLHttpRequest) => void;
      clearTimingResources?: boolean;
      ignoreNetworkEvents?: boolean;
      measureRequestSize?: boolean;
    };
  };
  /** Not read, like the following ones. */
  resourceAttributes?: Record<string, unknown>;
  propagator?: object;
  contextManager?: object;
  instrumentations?: unknown[];
  spanProcessor?: object;
  omitTraceContextForUnsampledSessions?: boolean;
}

export class TracingInstrumentation extends Captured {
  readonly name = '@grafana/faro-web-tracing';
  constructor(private readonly options: TracingInstrumentationOptions = {}) {
    super();
  }
  [capture](reach: Reach): Undo {
    const { instrumentationOptions: { propagateTraceHeaderCorsUrls } = {}, ...others } = this.options;
    const { omitTraceContextForUnsampledSessions, ...unread } = others;
    if (Object.keys(unread).length) this.logWarn('there is no OpenTelemetry underneath, so these are not read:', ...Object.keys(unread));
    const options = propagateTraceHeaderCorsUrls && { instrumentationOptions: { propagateTraceHeaderCorsUrls } };
    return new core.TracingInstrumentation(options).start(reach);
  }
}

export interface GetWebInstrumentationsOptions {
  /** Default true. */
  captureConsole?: boolean;
  /** As in older versions of Faro; `consoleInstrumentation.disabledLevels` is today's name. */
  captureConsoleDisabledLevels?: LogLevel[];
  /** Default true. */
  enablePerformanceInstrumentation?: boolean;
  /** Default true. */
  enableContentSecurityPolicyInstrumentation?: boolean;
}

/** Faro's default set, without tracing. */
export function getWebInstrumentations(options: GetWebInstrumentationsOptions = {}): Instrumentation[] {
  const { captureConsole, captureConsoleDisabledLevels: disabledLevels } = options;
  const { enablePerformanceInstrumentation, enableContentSecurityPolicyInstrumentation } = options;
  const set: Instrumentation[] = [
    new ErrorsInstrumentation(),
    new WebVitalsInstrumentation(),
    new SessionInstrumentation(),
    new ViewInstrumentation(),
  ];
  if (enablePerformanceInstrumentation !== false) set.unshift(new PerformanceInstrumentation());
  if (enableContentSecurityPolicyInstrumentation !== false) set.push(new CSPInstrumentation());
  if (captureConsole !== false) set.push(new ConsoleInstrumentation(disabledLevels && { disabledLevels }));
  return set;
}
