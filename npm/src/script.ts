// The script-tag build: `window.Farol`, started by the tag's own data attributes where it has any.

import * as surface from './index.js';
import { own } from './guard.js';

declare global {
  interface Window {
    Farol?: typeof surface;
    GrafanaFaroWebSdk?: object;
    GrafanaFaroWebTracing?: object;
  }
}

/** The options in the attributes of a script tag; undefined when it does not ask to be started. */
export function fromTag(data: DOMStringMap): surface.BrowserConfig | undefined {
  const { url, appName } = data;
  if (!url || !appName) return undefined;
  const captureConsole = data['console'] !== 'off';
  const instrumentations = surface.getWebInstrumentations({ captureConsole });
  if (data['tracing'] !== 'off') {
    instrumentations.push(
      new surface.TracingInstrumentation({
        instrumentationOptions: { propagateTraceHeaderCorsUrls: words(data['traceOrigins']).map(origin) },
      }),
    );
  }
  const levels = data['consoleLevels'] === undefined ? undefined : words(data['consoleLevels']);
  return {
    url,
    apiKey: data['apiKey'],
    app: {
      name: appName,
      version: data['appVersion'],
      environment: data['appEnvironment'],
      namespace: data['appNamespace'],
      release: data['appRelease'],
    },
    instrumentations,
    sessionTracking: {
      persistent: data['session'] === 'persistent',
      samplingRate: data['samplingRate'] === undefined ? undefined : Number(data['samplingRate']),
    },
    consoleInstrumentation: {
      disabledLevels: levels && Object.values(surface.LogLevel).filter((level) => !levels.includes(level)),
    },
  };
}

function words(text = ''): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Every URL of an origin. */
function origin(text: string): RegExp {
  return new RegExp(`^${text.replace(/\/+$/, '').replace(/[^\w/]/g, '\\$&')}(?:[/?#]|$)`);
}

own(() => {
  window.Farol ??= surface;
  window.GrafanaFaroWebSdk ??= surface;
  window.GrafanaFaroWebTracing ??= surface;
  const config = fromTag((document.currentScript as HTMLElement | null)?.dataset ?? {});
  if (config) surface.initializeFaro(config);
});
