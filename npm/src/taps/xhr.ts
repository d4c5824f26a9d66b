// Spans for XMLHttpRequest, from send to the end of loading, by three patches of its prototype.

import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { pass, patch, type Undo } from '../patch.js';
import { tagOf } from '../render.js';
import type { Opener } from '../requests.js';

/** One request, from `open` on. */
interface Prepared {
  method: string;
  url: string;
  /** The page has set a traceparent itself. */
  traced?: boolean;
  /** Closes the span; present while it is open. */
  end?: (error: string | undefined) => void;
}

const ENDS = ['load', 'error', 'abort', 'timeout'] as const;

export function start({ agent }: Reach, open: Opener): Undo {
  if (typeof XMLHttpRequest !== 'function') return () => {};
  const requests = new WeakMap<object, Prepared>();
  const prototype = XMLHttpRequest.prototype;
  // The page's own calls are told from ours by using the original.
  const { setRequestHeader } = prototype;

  const stops = [
    patch(prototype, 'open', (call) => {
      const result = pass(call);
      tap(() => {
        const xhr = call.self as XMLHttpRequest;
        // A second open ends a request that is under way, without any event.
        requests.get(xhr)?.end?.('abort');
        const [method, url] = call.args;
        if (typeof method === 'string' && (typeof url === 'string' || tagOf(url) === 'URL')) {
          requests.set(xhr, { method, url: String(url) });
        } else requests.delete(xhr);
      });
      return result;
    }),
    patch(prototype, 'setRequestHeader', (call) => {
      tap(() => {
        const prepared = requests.get(call.self as XMLHttpRequest);
        const [name] = call.args;
        if (prepared && typeof name === 'string' && name.toLowerCase() === 'traceparent') prepared.traced = true;
      });
      return pass(call);
    }),
    patch(prototype, 'send', (call) => {
      const xhr = call.self as XMLHttpRequest;
      tap(() => {
        const prepared = requests.get(xhr);
        if (prepared && !prepared.end) observe(xhr, prepared);
      });
      try {
        return pass(call);
      } catch (error) {
        // A synchronous request throws its failure.
        tap(() => requests.get(xhr)?.end?.('error'));
        throw error;
      }
    }),
  ];

  function observe(xhr: XMLHttpRequest, prepared: Prepared): void {
    const begun = open('xhr', prepared.method, prepared.url);
    if (!begun) return;
    const ended = ({ type }: Event) => tap(() => prepared.end?.(type === 'load' ? undefined : type));
    prepared.end = (error) => {
      prepared.end = undefined;
      ENDS.forEach((type) => xhr.removeEventListener(type, ended));
      agent.requestEnd(begun.handle, error ? 0 : xhr.status, error);
    };
    ENDS.forEach((type) => xhr.addEventListener(type, ended));
    if (begun.header && !prepared.traced) setRequestHeader.call(xhr, 'traceparent', begun.header);
  }

  return () => stops.reverse().forEach((stop) => stop());
}
