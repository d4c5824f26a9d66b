// The receiver's API as types, and reading it.

export type Kind = 'log' | 'event' | 'measurement' | 'vital' | 'exception' | 'span';
export type Rating = 'good' | 'needs-improvement' | 'poor';
export type Pairs = Record<string, unknown>;

export interface Item {
  id: number;
  time: number;
  kind: Kind;
  app: string;
  session: string | null;
  name: string;
  level: string;
  message: string;
  value: number | null;
  rating: Rating | null;
  traceId: string | null;
  spanId: string | null;
  page: string | null;
}

/** The JSON that was sent. Whatever a page sent may be in it, so everything is optional. */
export interface Detail {
  attributes?: Pairs;
  context?: Pairs;
  values?: Record<string, number | null>;
  domain?: string;
  fatal?: boolean;
  fingerprint?: string;
  stacktrace?: { frames?: Frame[] };
  action?: { id?: string; name?: string; parentId?: string };
  events?: { time: number; name: string; attributes: Pairs }[];
  statusMessage?: string | null;
}

export interface Frame {
  filename: string;
  function: string;
  lineno?: number;
  colno?: number;
}

export interface FullItem extends Item {
  detail: Detail | null;
}

export interface Session {
  id: string;
  app: string;
  environment: string | null;
  version: string | null;
  user: string | null;
  browser: string | null;
  os: string | null;
  page: string | null;
  first: number;
  last: number;
  newest: number;
  items: number;
  errors: number;
  spans: number;
}

export interface TraceLine {
  traceId: string;
  name: string;
  start: number;
  duration: number;
  spans: number;
  errors: number;
}

export interface SessionPage extends Session {
  meta: Pairs | null;
  timeline: FullItem[];
  earlier: number | null;
  traces: TraceLine[];
}

export interface Span {
  id: number;
  spanId: string;
  parentId: string | null;
  name: string;
  message: string;
  kind: number;
  service: string;
  session: string | null;
  start: number;
  duration: number;
  status: number;
  detail: Detail | null;
}

export interface Trace {
  traceId: string;
  spans: Span[];
  items: FullItem[];
  truncated: boolean;
}

export interface ErrorGroup {
  group: string;
  count: number;
  sessions: number;
  first: number;
  last: number;
  sample: FullItem;
}

export interface VitalLine {
  app: string;
  metric: string;
  count: number;
  p75: number;
  rating: Rating;
  good: number;
  needsImprovement: number;
  poor: number;
}

export interface Summary {
  items: number;
  kinds: Partial<Record<Kind, number>>;
  sessions: number;
  apps: string[];
  oldest: number | null;
  newest: number | null;
  bytes: number;
  dropped: Record<string, number>;
  collector: string;
}

/** Reads one answer; fails with the receiver's own words. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal ? { signal } : {});
  const body: unknown = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error((body as { error?: string }).error ?? `the receiver answered ${response.status}`);
  return body as T;
}

/** A query string of what has a value. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value) parts.set(key, String(value));
  const text = parts.toString();
  return text && `?${text}`;
}
