// Navigation and resource timings as events, with the numbers that the browser leaves out said to be unknown.

import type { Instrumentation } from './types.js';
import { genShortID } from './values.js';

/** Any receiver's upload. */
const UPLOAD = /\/collect(?:\/\w*)?$/;
const LAST_NAVIGATION = 'com.grafana.faro.lastNavigationId';

type Timing = Omit<PerformanceResourceTiming, 'responseStatus' | 'renderBlockingStatus'> & {
  responseStatus?: number;
  renderBlockingStatus?: string;
};

/** Reports the load of the page once it is complete, then each resource; returns what stops it. */
export function resources({ api, config }: Instrumentation): () => void {
  const { trackResources, url, ignoreUrls = [], transports = [] } = config;
  const ignored = [UPLOAD, ...(url ? [url] : []), ...ignoreUrls, ...transports.flatMap((one) => one.getIgnoreUrls?.() ?? [])];
  const watched = ({ name }: Timing) =>
    !ignored.some((pattern) => (typeof pattern === 'string' ? name === pattern : name.search(pattern) >= 0));
  const navigationId = genShortID();

  const push = (event: string, entry: Timing, attributes: Record<string, string>) => {
    const now = Date.now();
    api.pushEvent(event, attributes, undefined, {
      skipDedupe: true,
      timestampOverwriteMs: Math.min(now, now - (performance.now() - entry.startTime)),
      ...spanOf(entry),
    });
  };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Timing[]) {
      const wanted = trackResources ?? /^(?:fetch|xmlhttprequest)$/.test(entry.initiatorType);
      if (!wanted || !watched(entry)) continue;
      const ids = { faroNavigationId: navigationId, faroResourceId: genShortID() };
      push('faro.performance.resource', entry, { ...resource(entry), ...ids });
    }
  });
  const begin = () => {
    const [entry] = performance.getEntriesByType('navigation') as (PerformanceNavigationTiming & Timing)[];
    if (entry && watched(entry)) {
      const ids = { faroNavigationId: navigationId, faroPreviousNavigationId: remember(navigationId) };
      push('faro.performance.navigation', entry, { ...resource(entry), ...load(entry), ...ids });
    }
    if (trackResources !== false) observer.observe({ type: 'resource', buffered: true });
  };
  // The load handlers have run by the next task, and their time is known.
  const ready = () => void setTimeout(begin);
  if (document.readyState === 'complete') ready();
  else addEventListener('load', ready, { once: true });
  return () => {
    removeEventListener('load', ready);
    observer.disconnect();
  };
}

/** A duration between two marks, rounded; unknown where the browser does not tell one of them. */
function between(from: number, to: number): string {
  return from > 0 && to > 0 ? number(to - from) : 'unknown';
}

function number(value: number | undefined): string {
  return value === undefined ? 'unknown' : String(Math.round(Math.max(0, value)));
}

function resource(entry: Timing): Record<string, string> {
  const { name, connectStart, connectEnd, domainLookupStart, domainLookupEnd, secureConnectionStart } = entry;
  const { redirectStart, redirectEnd, requestStart, responseStart, responseEnd, fetchStart, workerStart } = entry;
  // Another origin's resource without Timing-Allow-Origin: all marks but the first and the last are 0.
  const opaque = !requestStart && !responseStart;
  const told = (text: string) => (opaque ? 'unknown' : text);
  return {
    name,
    httpHost: /^https?:/.test(name) ? new URL(name).host : 'unknown',
    duration: number(entry.duration),
    tcpHandshakeTime: told(number(connectEnd - connectStart)),
    dnsLookupTime: told(number(domainLookupEnd - domainLookupStart)),
    // Without TLS, and on a connection that was there already, this mark is 0 or not before the connection.
    tlsNegotiationTime: told(secureConnectionStart > 0 ? number(connectEnd - secureConnectionStart) : '0'),
    responseStatus: entry.responseStatus ? String(entry.responseStatus) : 'unknown',
    redirectTime: told(number(redirectEnd - redirectStart)),
    requestTime: between(requestStart, responseStart),
    responseTime: between(responseStart, responseEnd),
    fetchTime: number(responseEnd - fetchStart),
    serviceWorkerTime: workerStart > 0 ? number(fetchStart - workerStart) : '0',
    decodedBodySize: told(number(entry.decodedBodySize)),
    encodedBodySize: told(number(entry.encodedBodySize)),
    cacheHitStatus: told(cache(entry)),
    renderBlockingStatus: entry.renderBlockingStatus ?? 'unknown',
    protocol: entry.nextHopProtocol || 'unknown',
    initiatorType: entry.initiatorType,
    visibilityState: document.visibilityState,
    ttfb: between(requestStart, responseStart),
    transferSize: told(number(entry.transferSize)),
  };
}

/** From the cache, asked again, or transferred. */
function cache({ transferSize, decodedBodySize, encodedBodySize, responseStatus }: Timing): string {
  if (transferSize === 0) return decodedBodySize > 0 ? 'cache' : 'fullLoad';
  const again = responseStatus ? responseStatus === 304 : encodedBodySize > 0 && transferSize < encodedBodySize;
  return again ? 'conditionalFetch' : 'fullLoad';
}

function load(entry: PerformanceNavigationTiming & { activationStart?: number }): Record<string, string> {
  const { domComplete, domInteractive, fetchStart, domContentLoadedEventStart, domContentLoadedEventEnd } = entry;
  const { loadEventStart, loadEventEnd, responseStart, activationStart = 0, type } = entry;
  // The one mark that only the old interface has.
  const { domLoading, navigationStart } = performance.timing ?? {};
  return {
    pageLoadTime: between(fetchStart, domComplete),
    documentParsingTime: domLoading ? between(domLoading - navigationStart, domInteractive) : 'unknown',
    domProcessingTime: between(domInteractive, domComplete),
    domContentLoadHandlerTime: between(domContentLoadedEventStart, domContentLoadedEventEnd),
    onLoadTime: between(loadEventStart, loadEventEnd),
    ttfb: number(responseStart - activationStart),
    type,
  };
}

/** The span that the server names in `Server-Timing: traceparent;desc="00-..."`. */
function spanOf({ serverTiming }: Timing): { spanContext?: { traceId: string; spanId: string } } {
  const named = serverTiming?.find(({ name }) => name === 'traceparent')?.description ?? '';
  const [, traceId, spanId] = /^00-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/.exec(named) ?? [];
  return traceId && spanId ? { spanContext: { traceId, spanId } } : {};
}

/** Keeps this load's id for the next one, and answers with the last one's. */
function remember(id: string): string {
  try {
    const before = sessionStorage.getItem(LAST_NAVIGATION);
    sessionStorage.setItem(LAST_NAVIGATION, id);
    return before ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
