// `ReactIntegration`: hands the router over.

import { BaseInstrumentation } from '../swap/index.js';
import { VERSION } from '../index.js';
import { observe, type RouterConfig } from './router.js';

export interface ReactIntegrationConfig {
  router?: RouterConfig;
}

/** Needed for route changes only; boundaries and profilers work without it. */
export class ReactIntegration extends BaseInstrumentation {
  readonly name = '@grafana/faro-react';
  readonly version = VERSION;

  constructor(private readonly options: ReactIntegrationConfig = {}) {
    super();
  }

  initialize(): void {
    if (this.options.router) observe(this.options.router);
  }

  /** For `initializeFaro` of `farol` itself. */
  start(): () => void {
    this.initialize();
    return () => {};
  }
}
