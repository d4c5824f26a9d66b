// What can be listened to, under Faro's names: each is started with what it may use and returns its undo.

import type { Agent } from './agent.js';
import type { BrowserConfig, TracingOptions } from './config.js';
import type { Undo } from './patch.js';
import { opener } from './requests.js';
import type { Spans } from './spans.js';
import type { Thrown } from './thrown.js';
import type { ErrorOptions } from './types.js';
import * as consoleTap from './taps/console.js';
import * as errors from './taps/errors.js';
import * as fetchTap from './taps/fetch.js';
import * as vitals from './taps/vitals.js';
import * as xhr from './taps/xhr.js';
import { VERSION } from './version.js';

/** What every tap is given. */
export interface Reach {
  agent: Agent;
  config: BrowserConfig;
  /** Reports an exception, unless `ignoreErrors` names it. */
  report: (thrown: Thrown, options?: ErrorOptions) => void;
  /** Run, in order, when the page is hidden or left and before the last flush. */
  leaving: Set<() => void>;
  spans: Spans;
}

/** A capture that can be switched on. */
export interface Instrumentation {
  readonly name: string;
  readonly version: string;
  start(reach: Reach): Undo;
}

export class ErrorsInstrumentation implements Instrumentation {
  readonly name = '@grafana/faro-web-sdk:instrumentation-errors';
  readonly version = VERSION;
  start(reach: Reach): Undo {
    return errors.start(reach);
  }
}

export class WebVitalsInstrumentation implements Instrumentation {
  readonly name = '@grafana/faro-web-sdk:instrumentation-web-vitals';
  readonly version = VERSION;
  start(reach: Reach): Undo {
    return vitals.start(reach);
  }
}

export class ConsoleInstrumentation implements Instrumentation {
  readonly name = '@grafana/faro-web-sdk:instrumentation-console';
  readonly version = VERSION;
  start(reach: Reach): Undo {
    return consoleTap.start(reach);
  }
}

/** Observes `fetch` and XMLHttpRequest, and passes the trace on. */
export class TracingInstrumentation implements Instrumentation {
  readonly name = '@grafana/faro-web-tracing';
  readonly version = VERSION;
  constructor(private readonly options: TracingOptions = {}) {}
  start(reach: Reach): Undo {
    const open = opener(reach, this.options);
    const stopFetch = fetchTap.start(reach, open);
    const stopXhr = xhr.start(reach, open);
    const unregister = reach.spans.register();
    return () => {
      unregister();
      stopXhr();
      stopFetch();
    };
  }
}

/** Faro's default set, without tracing. */
export function getWebInstrumentations(options: { captureConsole?: boolean } = {}): Instrumentation[] {
  const set: Instrumentation[] = [new ErrorsInstrumentation(), new WebVitalsInstrumentation()];
  if (options.captureConsole !== false) set.push(new ConsoleInstrumentation());
  return set;
}
