// Faro's page for Angular, written out: an initializer starts it, an error handler reports. Nothing in it knows Farol.
import { Component, ErrorHandler, provideAppInitializer, provideZonelessChangeDetection, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { faro, getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';

class GlobalErrorHandler implements ErrorHandler {
  handleError(error: unknown): void {
    faro.api.pushError(error instanceof Error ? error : new Error(String(error)), { context: { by: 'angular' } });
  }
}

@Component({ selector: 'app-root', template: '<button id="buy" (click)="buy()">{{ bought() }}</button>' })
class App {
  readonly bought = signal(0);

  constructor() {
    faro.api.pushEvent('started', { by: 'angular' });
    void fetch('/api/echo');
  }

  buy(): void {
    this.bought.update((count) => count + 1);
    throw new TypeError('sold out');
  }
}

void bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    { provide: ErrorHandler, useClass: GlobalErrorHandler },
    provideAppInitializer(() => {
      initializeFaro({
        url: (window as unknown as { COLLECTOR: string }).COLLECTOR,
        app: { name: 'shop', version: '1.0.0' },
        instrumentations: [...getWebInstrumentations(), new TracingInstrumentation()],
      });
    }),
  ],
});
