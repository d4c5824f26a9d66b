// Spans for fetch. A response is never cloned or read; a caller's Request, init and headers are never changed.

import { own, tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { pass, patch, type Undo } from '../patch.js';
import { isError, tagOf, textOf } from '../render.js';
import type { Opener } from '../requests.js';

export function start({ agent }: Reach, open: Opener): Undo {
  return patch(window, 'fetch', (call) => {
    let args = call.args;
    const handle = tap(() => {
      const [input, init] = args as [unknown, RequestInit | undefined];
      const request = tagOf(input) === 'Request' ? (input as Request) : undefined;
      const url = request ? request.url : typeof input === 'string' || tagOf(input) === 'URL' ? String(input) : undefined;
      // Anything else is turned into text by fetch itself, once: not before that by us.
      if (url === undefined) return 0;
      const begun = open('fetch', init?.method ?? request?.method ?? 'GET', url);
      if (!begun) return 0;
      const { header } = begun;
      const traced = header && own(() => withHeader(request, init, header));
      if (traced) args = [input, traced, ...args.slice(2)];
      return begun.handle;
    });
    if (!handle) return pass(call);
    const end = (status: number, error?: string) => tap(() => agent.requestEnd(handle, status, error));
    let result: unknown;
    try {
      result = pass(call, args);
    } catch (error) {
      end(0, reason(error));
      throw error;
    }
    // By its tag, because zone.js puts its own class in Promise's place.
    if (tagOf(result) !== 'Promise') {
      end(0, 'NoPromise');
      return result;
    }
    // The derived promise is what the page gets: a rejection that nobody handles stays unhandled.
    return (result as Promise<Response>).then(
      (response) => {
        end(response.status);
        return response;
      },
      (error: unknown) => {
        end(0, reason(error));
        throw error;
      },
    );
  });
}

/**
 * The init to pass instead of the caller's, with the header in a copy of the effective headers;
 * undefined where one is there already or where copying could change what the page meant.
 */
function withHeader(request: Request | undefined, init: RequestInit | null | undefined, header: string): RequestInit | undefined {
  // Members of anything but a plain object may be inherited or computed.
  if (init != null && Object.getPrototypeOf(init) !== Object.prototype) return undefined;
  const given: unknown = init?.headers !== undefined ? init.headers : request?.headers;
  // A one-shot iterator can be read only once, and fetch must be the one.
  if (given && Symbol.iterator in (given as object) && !Array.isArray(given) && tagOf(given) !== 'Headers') return undefined;
  const headers = new Headers(given as HeadersInit | undefined);
  if (headers.has('traceparent') || request?.mode === 'navigate') return undefined;
  headers.set('traceparent', header);
  // An init that has members resets these two of the Request (Fetch standard, Request constructor).
  const kept = request && !Object.values(init ?? {}).some((member) => member !== undefined)
    ? { referrer: request.referrer, referrerPolicy: request.referrerPolicy }
    : {};
  return { ...kept, ...init, headers };
}

/** The name of what fetch rejected with; any value may be the reason of an abort. */
function reason(error: unknown): string {
  return (isError(error) && textOf(error.name)) || 'AbortError';
}
