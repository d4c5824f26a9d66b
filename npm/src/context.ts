// Which span is active: the page's own while its code runs, else what a driver of the page has set.

import type { TraceContext } from './types.js';

/** What `@opentelemetry/api` calls a context: a map that is never changed, only followed by another. */
export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

/** The key under which that package keeps the active span. */
export const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

/** Anything that tells its ids. */
export interface Spanning {
  spanContext(): TraceContext;
}

function contextOf(values: Map<symbol, unknown>): Context {
  const changed = (change: (copy: Map<symbol, unknown>) => void) => {
    const copy = new Map(values);
    change(copy);
    return contextOf(copy);
  };
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => changed((copy) => copy.set(key, value)),
    deleteValue: (key) => changed((copy) => copy.delete(key)),
  };
}

let active = contextOf(new Map());

/** The context manager: a context holds for the synchronous part of what runs in it, browsers carry none across `await`. */
export const contexts = {
  active: (): Context => active,
  with<A extends unknown[], R>(context: Context, work: (...args: A) => R, self?: unknown, ...args: A): R {
    const outer = active;
    active = context;
    try {
      return work.apply(self, args);
    } finally {
      active = outer;
    }
  },
  bind<T>(context: Context, target: T): T {
    if (typeof target !== 'function') return target;
    const bound = function (this: unknown, ...args: unknown[]): unknown {
      return contexts.with(context, target as unknown as (...args: unknown[]) => unknown, this, ...args);
    };
    return bound as unknown as T;
  },
};

/** The ids of the active span, in full. */
export function current(): TraceContext | undefined {
  const span = active.getValue(SPAN) as Spanning | undefined;
  const { __TRACE_CONTEXT__: driver } = globalThis as { __TRACE_CONTEXT__?: TraceContext };
  const { traceId, spanId } = span?.spanContext() ?? driver ?? {};
  return traceId && spanId ? { traceId: String(traceId), spanId: String(spanId) } : undefined;
}
