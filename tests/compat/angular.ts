// Faro's page for Angular: an initializer and an error handler, without Angular's decorators.

import { faro, getWebInstrumentations, initializeFaro, LogLevel, type Faro } from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';

export function faroInitializer(): () => void {
  return (): void => {
    initializeFaro({
      url: 'https://collector.example.com/collect',
      app: { name: 'angular', version: '1.0.0', environment: 'production' },
      instrumentations: [...getWebInstrumentations({ captureConsole: true }), new TracingInstrumentation()],
    });
  };
}

export class GlobalErrorHandler {
  handleError(error: unknown): void {
    const extracted: Error = error instanceof Error ? error : new Error(String(error));
    faro.api.pushError(extracted, { type: 'angular', context: { zone: 'root' } });
    faro.api.pushLog(['handled'], { level: LogLevel.ERROR });
  }
}

export class Telemetry {
  private readonly faro: Faro | undefined = (window as unknown as { faro?: Faro }).faro;
  navigated(url: string): void {
    this.faro?.api.setView({ name: url });
  }
}
