// What the fetch and XHR taps share: which requests are observed and which may carry the trace.

import type { TracingOptions } from './config.js';
import type { Reach } from './instrumentations.js';
import { absolute, urlMatches } from './match.js';

/** Any receiver's upload, of another agent on the page for example: watching those would feed itself. */
const UPLOAD = /\/collect(?:\/\w*)?$/;

/** A request that has begun; `header` is the `traceparent` to send, or undefined where it must not be sent. */
export interface Open {
  handle: number;
  header: string | undefined;
}

/** Opens a span unless the request is none of ours to watch. */
export function open(
  { agent, config }: Reach,
  options: TracingOptions,
  kind: 'fetch' | 'xhr',
  method: string,
  target: string,
): Open | undefined {
  const base = document.baseURI;
  const url = absolute(target, base);
  const ignored = [UPLOAD, ...(config.url ? [config.url] : []), ...(config.ignoreUrls ?? [])];
  if (!url || urlMatches(url.href, ignored, base)) return undefined;
  const handle = agent.requestStart(normal(method), url.href, kind);
  if (!handle) return undefined;
  const allowed = options.instrumentationOptions?.propagateTraceHeaderCorsUrls;
  const carries = url.origin === location.origin || urlMatches(url.href, allowed, base);
  return { handle, header: (carries && agent.traceparent(handle)) || undefined };
}

/** The platform's own rule: these methods are upper-cased, others are left as they are. */
function normal(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method;
}
