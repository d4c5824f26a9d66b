// What the fetch and XHR taps share: which requests are observed and which may carry the trace.

import type { TracingOptions } from './config.js';
import type { Reach } from './instrumentations.js';
import { absolute, urlMatcher } from './match.js';

/** Any receiver's upload, of another agent on the page for example: watching those would feed itself. */
const UPLOAD = /\/collect(?:\/\w*)?$/;

/** A request that has begun; `header` is the `traceparent` to send, or undefined where it must not be sent. */
export interface Open {
  handle: number;
  header: string | undefined;
}

/** What opens spans: undefined for a request that is none of ours to watch. */
export type Opener = (kind: 'fetch' | 'xhr', method: string, target: string) => Open | undefined;

/** The rules of a page, read once. */
export function opener({ agent, config }: Reach, options: TracingOptions): Opener {
  const base = document.baseURI;
  const ignored = urlMatcher([UPLOAD, ...(config.url ? [config.url] : []), ...(config.ignoreUrls ?? [])], base);
  const allowed = urlMatcher(options.instrumentationOptions?.propagateTraceHeaderCorsUrls ?? [], base);
  return (kind, method, target) => {
    const url = absolute(target, document.baseURI);
    if (!url || ignored(url.href)) return undefined;
    const handle = agent.requestStart(normal(method), url.href, kind);
    if (!handle) return undefined;
    const carries = url.origin === location.origin || allowed(url.href);
    return { handle, header: (carries && agent.traceparent(handle)) || undefined };
  };
}

/** The platform's own rule: these methods are upper-cased, others are left as they are. */
function normal(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method;
}
