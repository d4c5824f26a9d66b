// `faro.api`: Faro's calls, each of which hands one item or one part of the meta to the agent.

import type { Agent } from './agent.js';
import type { LogArgsSerializer, LogLevel, Meta, MetaPage, MetaSession, MetaUser, MetaView } from './config.js';
import { current } from './context.js';
import { own } from './guard.js';
import type { Reach } from './instrumentations.js';
import { render } from './render.js';
import type { Spans } from './spans.js';
import { thrown } from './thrown.js';
import type { Attributes, ErrorOptions, ItemOptions } from './types.js';

export interface PushErrorOptions extends ErrorOptions {
  /** Instead of the error's name. */
  type?: string;
}

export interface PushLogOptions extends ItemOptions {
  context?: Attributes;
  /** Default 'log'. */
  level?: LogLevel;
}

export interface PushMeasurementOptions extends ItemOptions {
  context?: Attributes;
}

export type PushEventOptions = ItemOptions;

export interface MeasurementEvent {
  type: string;
  values: Record<string, number>;
}

export interface API {
  /** `cause` goes into the context; any thrown value is accepted. */
  pushError(error: unknown, options?: PushErrorOptions): void;
  pushEvent(name: string, attributes?: Attributes, domain?: string, options?: PushEventOptions): void;
  pushLog(args: unknown[], options?: PushLogOptions): void;
  pushMeasurement(payload: MeasurementEvent, options?: PushMeasurementOptions): void;
  setUser(user?: MetaUser): void;
  resetUser(): void;
  setSession(session?: MetaSession): void;
  /** Opens a new session. */
  resetSession(): void;
  getSession(): MetaSession | undefined;
  /** Emits `view_changed` when the name is another. */
  setView(view?: MetaView): void;
  getView(): MetaView | undefined;
  /** A string sets the id; `page.url` follows the address unless one is given. */
  setPage(page: MetaPage | string): void;
  getPage(): MetaPage | undefined;
  /** The active span: ids, and the headers made of them. */
  getTraceContext(): { trace_id: string; span_id: string; traceparent: string } | undefined;
  /** Tracers, spans and contexts as `@opentelemetry/api` has them. */
  getOTEL(): Spans['otel'];
  isOTELInitialized(): boolean;
  /** Opens a span of the page's own. */
  startActionSpan: Spans['startActionSpan'];
  /** Writes `traceparent` into a plain object, Headers or anything with `set`. */
  inject: Spans['inject'];
  /** Reads `traceparent` from the same. */
  extract: Spans['extract'];
}

/**
 * The api over `agent`, which ignores every call before it is started. What the page passes is copied
 * first: a getter of its own that throws costs the item, and not the agent.
 */
export function api(agent: Agent, { otel, inject, extract, startActionSpan }: Spans, report: Reach['report'], serialize: LogArgsSerializer = render): API {
  const metas = () => own(() => agent.metas() as Meta);
  return {
    pushError: (error, options) =>
      void own(() => {
        const found = thrown(error);
        const stackFrames = options?.stackFrames?.map((frame) => ({ ...frame }));
        report({ ...found, type: options?.type || found.type }, { ...options, stackFrames });
      }),
    pushEvent: (name, attributes, domain, options) => void own(() => agent.event(name, domain, { ...attributes }, options)),
    pushLog: (args, options) =>
      void own(() => agent.log(options?.level ?? 'log', serialize(args), { ...options?.context }, options)),
    pushMeasurement: (payload, options) =>
      void own(() => {
        const values: Record<string, number> = {};
        for (const [key, value] of Object.entries(payload.values)) values[key] = Number(value);
        agent.measurement(payload.type, values, { ...options?.context }, options);
      }),
    setUser: (user) => void own(() => agent.setMeta('user', user)),
    resetUser: () => void own(() => agent.setMeta('user', undefined)),
    setSession: (session) => void own(() => agent.setMeta('session', session)),
    resetSession: () => void own(() => agent.setMeta('session', undefined)),
    getSession: () => own(() => agent.session() as MetaSession | undefined),
    setView: (view) =>
      void own(() => {
        const before = metas()?.view?.name;
        if (before === view?.name) return;
        agent.setMeta('view', view);
        const attributes = { fromView: before ?? 'unknown', toView: view?.name ?? 'unknown' };
        agent.event('view_changed', undefined, attributes, { skipDedupe: true });
      }),
    getView: () => metas()?.view,
    setPage: (page) => void own(() => agent.setMeta('page', typeof page === 'string' ? { id: page } : page)),
    getPage: () => metas()?.page,
    getTraceContext: () =>
      own(() => {
        const active = current();
        return active && { trace_id: active.traceId, span_id: active.spanId, ...inject({ traceparent: '' }, active) };
      }),
    getOTEL: () => otel,
    isOTELInitialized: () => true,
    startActionSpan,
    inject,
    extract,
  };
}
