// Spans of the page's own, and the part of the OpenTelemetry API that makes and finds them.

import type { Agent } from './agent.js';
import { contexts, current, SPAN, type Context, type Spanning } from './context.js';
import { own } from './guard.js';
import { textOf } from './render.js';
import { thrown } from './thrown.js';
import type { TraceContext } from './types.js';

/** A time as OpenTelemetry takes it: milliseconds since the epoch or since the page began, seconds and nanoseconds, or a Date. */
export type TimeInput = number | readonly [seconds: number, nanos: number] | Date;

export interface SpanOptions {
  /** 0 internal (the default), 1 server, 2 client, 3 producer, 4 consumer. */
  kind?: number;
  attributes?: Record<string, unknown>;
  startTime?: TimeInput;
  /** True: no parent, whatever is active. */
  root?: boolean;
}

/** What `startActionSpan` returns. */
export interface ActionSpan {
  /** The ids, and the W3C header made of them. */
  readonly ctx: TraceContext & { traceparent: string };
  /** Notes something that happened now. */
  event(name: string, attributes?: Record<string, unknown>): void;
  /** Runs `work` with the span active: requests and items of its synchronous part belong to it. */
  run<R>(work: () => R): R;
  /** Sends the span; with an error it has failed, and the exception is on it. */
  end(error?: unknown): void;
}

export interface ActionOptions extends SpanOptions {
  /** Instead of what is active. */
  parent?: TraceContext;
}

type Value = Record<string, unknown>;

function hex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => (byte + 256).toString(16).slice(1)).join('');
}

/** Nanoseconds since the epoch; exact to the microsecond that browsers give at best. */
function nanos(time: TimeInput = performance.now()): string {
  let millis = Array.isArray(time) ? (time[0] as number) * 1e3 + (time[1] as number) / 1e6 : Number(time);
  // A small number is of the page's own clock.
  if (typeof time === 'number' && time < performance.timeOrigin) millis += performance.timeOrigin;
  return Math.floor(millis * 1e3) + '000';
}

/** A value as OTLP/JSON writes it. */
function valueOf(value: unknown): Value {
  if (typeof value === 'number') return { [Number.isSafeInteger(value) ? 'intValue' : 'doubleValue']: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(valueOf) } };
  return { stringValue: textOf(value) };
}

function attributesOf(attributes: Record<string, unknown> | undefined): Value[] {
  return Object.entries(attributes ?? {})
    .filter(([, value]) => value != null)
    .map(([key, value]) => ({ key, value: valueOf(value) }));
}

function header({ traceId, spanId }: TraceContext): string {
  return `00-${traceId}-${spanId}-01`;
}

function spanOf(context: Context): Spanning | undefined {
  return context.getValue(SPAN) as Spanning | undefined;
}

/** Makes spans that go out through the agent. */
export function spans(agent: Agent) {
  /** A span of `@opentelemetry/api`. Calls after its end do nothing. */
  function startSpan(name: string, options?: SpanOptions, context: Context = contexts.active(), scope?: string) {
    const above = options?.root ? undefined : (spanOf(context)?.spanContext() ?? current());
    const ids = { traceId: above?.traceId ?? hex(16), spanId: hex(8), traceFlags: 1 };
    const startTimeUnixNano = nanos(options?.startTime);
    const events: Value[] = [];
    let attributes: Value = { ...options?.attributes };
    let status: Value = {};
    let live = true;
    const change = (work: () => void) => {
      if (live) own(work);
      return span;
    };
    const span = {
      spanContext: () => ids,
      isRecording: () => live,
      updateName: (text: string) => change(() => (name = text)),
      setAttribute: (key: string, value: unknown) => change(() => (attributes[key] = value)),
      setAttributes: (more: Value) => change(() => (attributes = { ...attributes, ...more })),
      setStatus: (next: Value) => change(() => (status = { ...next })),
      addEvent: (event: string, more?: Value | TimeInput, at?: TimeInput) =>
        change(() => {
          const timed = typeof more === 'number' || Array.isArray(more) || more instanceof Date;
          const time = timed ? (more as TimeInput) : at;
          events.push({ name: event, timeUnixNano: nanos(time), attributes: attributesOf(timed ? undefined : (more as Value)) });
        }),
      addLink: () => span,
      addLinks: () => span,
      recordException: (error: unknown, at?: TimeInput) =>
        change(() => {
          const { type, value, stack } = thrown(error);
          const told = { 'exception.type': type, 'exception.message': value, 'exception.stacktrace': stack || undefined };
          span.addEvent('exception', told, at);
        }),
      end: (at?: TimeInput) =>
        void change(() => {
          live = false;
          const session = (agent.session() as { id?: string } | undefined)?.id;
          agent.span({
            traceId: ids.traceId,
            spanId: ids.spanId,
            parentSpanId: above?.spanId,
            name: textOf(name),
            kind: (options?.kind ?? 0) + 1,
            startTimeUnixNano,
            endTimeUnixNano: nanos(at),
            attributes: attributesOf({ ...attributes, 'session.id': session, 'otel.scope.name': scope }),
            events,
            status,
            flags: 257,
          });
        }),
    };
    return span;
  }

  const getTracer = (scope?: string) => ({
    startSpan: (name: string, options?: SpanOptions, context?: Context) => startSpan(name, options, context, scope),
    startActiveSpan(name: string, ...rest: unknown[]): unknown {
      const work = rest.pop() as (span: unknown) => unknown;
      const context = (rest[1] as Context | undefined) ?? contexts.active();
      const span = startSpan(name, rest[0] as SpanOptions | undefined, context, scope);
      return contexts.with(context.setValue(SPAN, span), work, undefined, span);
    },
  });

  /** The half of `@opentelemetry/api` that Faro's users reach by `getOTEL()`. */
  const trace = {
    getTracer,
    getSpan: spanOf,
    getActiveSpan: () => spanOf(contexts.active()),
    setSpan: (context: Context, span: Spanning) => context.setValue(SPAN, span),
    getSpanContext: (context: Context) => spanOf(context)?.spanContext(),
    setSpanContext: (context: Context, ids: TraceContext) => context.setValue(SPAN, { spanContext: () => ids }),
  };

  /** Puts the ids into a plain object, Headers or anything with `set`; without any it is left alone. */
  function inject<C>(carrier: C, ctx: TraceContext | undefined = current(), set?: (carrier: C, key: string, value: string) => void): C {
    own(() => {
      const target = carrier as Record<string, string> & Headers;
      if (!ctx) return;
      if (set) set(carrier, 'traceparent', header(ctx));
      else if (target.set) target.set('traceparent', header(ctx));
      else target['traceparent'] = header(ctx);
    });
    return carrier;
  }

  /** The ids in a carrier; undefined when there are none, or no valid ones. */
  function extract(carrier: object): TraceContext | undefined {
    const source = carrier as Headers & { traceparent?: unknown };
    const text = textOf(own(() => (source.get ? source.get('traceparent') : source.traceparent)));
    const [, traceId, spanId] = /^[\da-e][\da-f]-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}/.exec(text) ?? [];
    return traceId && spanId ? { traceId, spanId } : undefined;
  }

  /** What `@opentelemetry/api` looks for on the page. */
  const globals = {
    trace: { getTracer },
    context: contexts,
    propagation: {
      fields: () => ['traceparent'],
      inject: (context: Context, carrier: object, { set }: { set: (carrier: object, key: string, value: string) => void }) =>
        void inject(carrier, spanOf(context)?.spanContext(), set),
      extract(context: Context, carrier: object, { get }: { get: (carrier: object, key: string) => unknown }) {
        const ids = extract({ traceparent: get(carrier, 'traceparent') });
        return ids ? trace.setSpanContext(context, ids) : context;
      },
    },
  };

  return {
    otel: { trace, context: contexts },
    inject,
    extract,
    startActionSpan(name: string, attributes?: Record<string, unknown>, options?: ActionOptions): ActionSpan {
      const above = options?.parent;
      const context = above ? trace.setSpanContext(contexts.active(), above) : contexts.active();
      const span = startSpan(name, { ...options, attributes }, context);
      const { traceId, spanId } = span.spanContext();
      return {
        ctx: { traceId, spanId, traceparent: header({ traceId, spanId }) },
        event: (event, more) => void span.addEvent(event, more),
        run: (work) => contexts.with(context.setValue(SPAN, span), work),
        end(error) {
          if (error !== undefined) {
            const { type, value } = thrown(error);
            span.recordException(error).setAttribute('error.type', type).setStatus({ code: 2, message: value });
          }
          span.end();
        },
      };
    },
    /** Makes the tracer known to `@opentelemetry/api`, unless the page has one; returns what takes it back. */
    register(): () => void {
      const key = Symbol.for('opentelemetry.js.api.1');
      const page = globalThis as unknown as Record<symbol, Record<string, unknown> | undefined>;
      // The version that other copies of the package compare with theirs.
      const known = (page[key] ??= { version: '1.9.1' });
      if (known['trace']) return () => {};
      Object.assign(known, globals);
      return () => Object.keys(globals).forEach((name) => delete known[name]);
    },
  };
}

export type Spans = ReturnType<typeof spans>;
