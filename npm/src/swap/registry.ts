// The instance on the global object, the way Faro's own code looks for it, and what is asked of it from outside.

import { internalGlobalObjectKey } from './constants.js';
import { faro } from './initialize.js';
import type { BrowserConfig, Faro, Meta, Metas, Patterns } from './types.js';

export type GlobalObject<T = typeof globalThis> = T & Record<string, Faro>;

export const globalObject = globalThis as unknown as GlobalObject;

export function getInternalFaroFromGlobalObject(): Faro | undefined {
  return globalObject[internalGlobalObjectKey];
}

export function isInternalFaroOnGlobalObject(): boolean {
  return internalGlobalObjectKey in globalObject;
}

/** The agent registers itself; this is for code that calls it all the same. */
export function setInternalFaroOnGlobalObject(instance: Faro): void {
  if (!isInternalFaroOnGlobalObject()) {
    Object.defineProperty(globalObject, internalGlobalObjectKey, { value: instance, configurable: true });
  }
}

/** What items have now. */
export function captureMetas(metas: Metas, callback?: () => void): Meta {
  callback?.();
  return metas.value;
}

/** URLs that are not observed. */
export function getIgnoreUrls(): Patterns {
  return faro.transports?.transports.flatMap((transport) => transport.getIgnoreUrls()) ?? [];
}

/** The configuration as it is: `initializeFaro` fills in the defaults itself. */
export function makeCoreConfig(config: BrowserConfig): BrowserConfig {
  return { ...config };
}
