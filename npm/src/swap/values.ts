// Faro's small functions on values: ids, times, equality, texts.

import type { MetaSession } from './types.js';

/** Letters and digits that nobody confuses when reading them aloud. */
const ALPHABET = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789';

export function genShortID(length = 10): string {
  const numbers = crypto.getRandomValues(new Uint32Array(length));
  return Array.from(numbers, (number) => ALPHABET[number % ALPHABET.length]).join('');
}

/** A new session; give it to `faro.api.setSession`. */
export function createSession(attributes?: MetaSession['attributes']): MetaSession {
  return attributes ? { id: genShortID(), attributes } : { id: genShortID() };
}

export const noop = (): void => {};
export const dateNow = (): number => Date.now();
export const monoNow = (): number => performance.now();
export const getCurrentTimestamp = (): string => new Date().toISOString();

/** A share from 0 to 1; what is no number counts as 0. */
export function clampSamplingRate(rate: unknown): number {
  return typeof rate === 'number' && rate > 0 ? Math.min(rate, 1) : 0;
}

/** Same type and same content, at any depth; NaN equals itself. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key) && deepEqual(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

/** A replacer for `JSON.stringify` that writes null for what it has seen before. */
export function getCircularDependencyReplacer(): (key: string | symbol, value: unknown) => unknown {
  const seen = new WeakSet();
  return (_, value) => {
    if (typeof value !== 'object' || !value) return value;
    return seen.has(value) ? null : seen.add(value) && value;
  };
}

export function stringifyExternalJson(json: unknown = {}): string {
  return JSON.stringify(json, getCircularDependencyReplacer()) ?? '';
}

/** Every member as a text: objects as JSON, the rest as `String` says. */
export function stringifyObjectValues(object: Record<string, unknown> = {}): Record<string, string> {
  const text = (value: unknown) => (typeof value === 'object' && value ? stringifyExternalJson(value) : String(value));
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, text(value)]));
}

export function defaultLogArgsSerializer(args: unknown[]): string {
  return args.map(textOf).join(' ');
}

/** As above, with objects as JSON. */
export function defaultErrorArgsSerializer(args: unknown[]): string {
  return args.map((arg) => (typeof arg === 'object' && arg ? stringifyExternalJson(arg) : textOf(arg))).join(' ');
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** The URL of what `fetch` or `XMLHttpRequest` takes. */
export function getUrlFromResource(resource: unknown): string | undefined {
  if (typeof resource === 'string') return resource;
  if (resource instanceof URL) return resource.href;
  const { url, toString } = (resource ?? {}) as { url?: unknown; toString?: unknown };
  if (typeof url === 'string') return url;
  return resource && typeof toString === 'function' && toString !== Object.prototype.toString ? String(resource) : undefined;
}

/** Runs at most `concurrency` tasks at a time and keeps at most `size`; refuses more. */
export function createPromiseBuffer<T>({ size, concurrency }: PromiseBufferOptions): PromiseBuffer<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  const next = () => {
    if (running < concurrency) waiting.shift()?.();
  };
  return {
    add: (producer) =>
      new Promise<T>((resolve, reject) => {
        if (running + waiting.length >= size) return reject(new Error('Task buffer full'));
        waiting.push(() => {
          running += 1;
          const over = () => {
            running -= 1;
            next();
          };
          Promise.resolve(producer()).then(resolve, reject).then(over);
        });
        next();
      }),
  };
}

export interface PromiseBufferOptions {
  size: number;
  concurrency: number;
}

export type PromiseProducer<T> = () => PromiseLike<T>;

export interface PromiseBuffer<T> {
  add(producer: PromiseProducer<T>): PromiseLike<T>;
}
