// Faro's session options in the agent's terms.

import { SESSION_EXPIRATION_TIME, SESSION_INACTIVITY_TIME, STORAGE_KEY } from './constants.js';
import type { Config } from './types.js';
import { clampSamplingRate } from './values.js';

export function session(config: Config): NonNullable<Config['sessionTracking']> {
  const { sampler, samplingRate, generateSessionId, ...options } = config.sessionTracking ?? {};
  const tracked: NonNullable<Config['sessionTracking']> = { ...options };
  if (sampler) {
    const { app, user, view } = config;
    tracked.samplingRate = clampSamplingRate(attempt(() => sampler({ metas: { app, ...(user && { user }), ...(view && { view }) } })));
  } else if (samplingRate !== undefined) tracked.samplingRate = clampSamplingRate(samplingRate);
  if (generateSessionId && !options.session?.id && !stored(!!options.persistent)) {
    const id = attempt(generateSessionId);
    if (id) tracked.session = { ...options.session, id };
  }
  if (config.trackGeolocation !== undefined) {
    const { session: initial } = tracked;
    tracked.session = { ...initial, overrides: { ...initial?.overrides, geoLocationTrackingEnabled: config.trackGeolocation } };
  }
  return tracked;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Whether there is a session that the agent will resume. */
function stored(persistent: boolean): boolean {
  return !!attempt(() => {
    const storage = persistent ? localStorage : sessionStorage;
    const { started, lastActivity } = JSON.parse(storage.getItem(STORAGE_KEY) ?? '{}') as { started?: number; lastActivity?: number };
    const now = Date.now();
    return now - (started ?? 0) < SESSION_EXPIRATION_TIME && now - (lastActivity ?? 0) < SESSION_INACTIVITY_TIME;
  });
}
