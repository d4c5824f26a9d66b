// Faro's `is...` functions: what kind of value this is.

const tag = (value: unknown): string => Object.prototype.toString.call(value);

export function isTypeof<T = unknown>(value: unknown, type: string): value is T {
  return typeof value === type;
}

export function isToString<T = unknown>(value: unknown, type: string): value is T {
  return tag(value) === `[object ${type}]`;
}

export function isInstanceOf<T extends abstract new (...args: never[]) => unknown>(
  value: unknown,
  reference: T,
): value is InstanceType<T> {
  try {
    return value instanceof reference;
  } catch {
    return false;
  }
}

export const isUndefined = (value: unknown): value is undefined => value === undefined;
export const isNull = (value: unknown): value is null => value === null;
export const isString = (value: unknown): value is string => typeof value === 'string';
/** NaN is none. */
export const isNumber = (value: unknown): value is number | bigint =>
  (typeof value === 'number' && !Number.isNaN(value)) || typeof value === 'bigint';
export const isInt = (value: unknown): value is number => Number.isInteger(value);
export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isSymbol = (value: unknown): value is symbol => typeof value === 'symbol';
export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
export const isFunction = (value: unknown): value is Function => typeof value === 'function';
export const isArray = (value: unknown): value is unknown[] => Array.isArray(value);
export const isRegExp = (value: unknown): value is RegExp => tag(value) === '[object RegExp]';
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isFunction((value as { then?: unknown } | null | undefined)?.then);
export const isPrimitive = (value: unknown): value is string | number | bigint | boolean | symbol =>
  !isObject(value) && !isFunction(value);

export const isEventDefined = typeof Event !== 'undefined';
export const isErrorDefined = typeof Error !== 'undefined';
export const isElementDefined = typeof Element !== 'undefined';
export const isMapDefined = typeof Map !== 'undefined';

export const isEvent = (value: unknown): value is Event => isEventDefined && isInstanceOf(value, Event);
/** Of any realm. */
export const isError = (value: unknown): value is Error => isToString(value, 'Error') || isInstanceOf(value, Error);
export const isErrorEvent = (value: unknown): value is ErrorEvent => isToString(value, 'ErrorEvent');
export const isDomError = (value: unknown): value is DOMException => isToString(value, 'DOMError');
export const isDomException = (value: unknown): value is DOMException => isToString(value, 'DOMException');
export const isElement = (value: unknown): value is Element => isElementDefined && isInstanceOf(value, Element);
export const isMap = (value: unknown): value is Map<unknown, unknown> => isInstanceOf(value, Map);
/** An event of React's. */
export const isSyntheticEvent = (value: unknown): value is Event =>
  isObject(value) && 'nativeEvent' in value && 'preventDefault' in value && 'stopPropagation' in value;

/** Nothing in it: null, undefined, '', [], {}. Numbers always hold something. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (isArray(value) || isString(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
