// Console arguments and thrown values as text that a person can read, bounded in depth, breadth and length.

/** Nested objects below this many levels are named, not shown. */
const DEPTH = 4;
/** Members shown of one object, array, Map or Set. */
const BREADTH = 50;
/** Characters of one nested string. */
const STRING = 1_000;
/** Characters of a whole message; the receiver's own limit is far above. */
const MESSAGE = 16_000;

interface Walk {
  path: object[];
  left: number;
}

/** One line of text for what was passed to a console method, with printf directives applied. */
export function render(args: readonly unknown[]): string {
  const walk: Walk = { path: [], left: MESSAGE };
  const rest = args.slice();
  const parts: string[] = [];
  if (typeof rest[0] === 'string' && rest.length > 1) parts.push(directives(rest, walk));
  for (const arg of rest) {
    if (walk.left <= 0) break;
    parts.push(show(arg, walk));
  }
  return clip(parts.join(' '), MESSAGE);
}

/** One value; strings at the top are given as they are. */
export function renderOne(value: unknown): string {
  return render([value]);
}

/** Takes the format and what it uses off `rest`. */
function directives(rest: unknown[], walk: Walk): string {
  const format = rest.shift() as string;
  return format.replace(/%([sdifoOc%])/g, (whole: string, kind: string) => {
    if (kind === '%') return '%';
    if (!rest.length) return whole;
    const value = rest.shift();
    if (kind === 'c') return '';
    if (kind === 's' || typeof value === 'symbol') return show(value, walk);
    if (kind === 'd' || kind === 'f') return String(Number(value));
    if (kind === 'i') return String(Math.trunc(Number(value)));
    return show(value, walk);
  });
}

function show(value: unknown, walk: Walk): string {
  let text: string;
  try {
    text =
      typeof value === 'object' && value
        ? object(value, walk)
        : typeof value === 'string'
          ? walk.path.length
            ? JSON.stringify(clip(value, STRING))
            : clip(value, walk.left)
          : primitive(value);
  } catch {
    // A revoked Proxy, or a trap of the host that throws.
    text = '[unreadable]';
  }
  walk.left -= text.length;
  return text;
}

function primitive(value: unknown): string {
  if (typeof value === 'function') return `[Function ${value.name || 'anonymous'}]`;
  return String(value) + (typeof value === 'bigint' ? 'n' : '');
}

function object(value: object, walk: Walk): string {
  if (walk.path.includes(value)) return '[Circular]';
  const tag = tagOf(value);
  if (isError(value)) return clip(errorText(value), STRING * 4);
  if (tag === 'Date') return Number.isNaN(+(value as Date)) ? 'Invalid Date' : (value as Date).toISOString();
  if (tag === 'RegExp' || tag === 'URL') return String(value);
  if (typeof Node === 'function' && value instanceof Node) return nodeText(value);
  const name = nameOf(value, tag);
  if (walk.path.length >= DEPTH) return `[${name || 'Object'}]`;
  walk.path.push(value);
  try {
    if (Array.isArray(value)) return `[${members(value, value.length, walk, (item) => show(item, walk))}]`;
    if (ArrayBuffer.isView(value) && tag !== 'DataView') {
      const numbers = value as Uint8Array;
      return `${tag} [${members(numbers, numbers.length, walk, (item) => show(item, walk))}]`;
    }
    if (value instanceof Set) return `Set {${members(value, value.size, walk, (item) => show(item, walk))}}`;
    if (value instanceof Map) {
      return `Map {${members(value, value.size, walk, ([k, v]) => show(k, walk) + ': ' + show(v, walk))}}`;
    }
    const keys = Object.keys(value);
    const inner = members(keys, keys.length, walk, (key) => JSON.stringify(key) + ':' + member(value, key, walk));
    return `${name ? name + ' ' : ''}{${inner}}`;
  } finally {
    walk.path.pop();
  }
}

/** An accessor is the host's code: it is named, not called. */
function member(owner: object, key: string, walk: Walk): string {
  const found = Object.getOwnPropertyDescriptor(owner, key);
  return found && 'value' in found ? show(found.value, walk) : '[Getter]';
}

function members<T>(items: Iterable<T>, count: number, walk: Walk, each: (item: T) => string): string {
  const parts: string[] = [];
  for (const item of items) {
    if (parts.length >= BREADTH || walk.left <= 0) {
      parts.push(`… ${count - parts.length} more`);
      break;
    }
    parts.push(each(item));
  }
  return parts.join(',');
}

/** The stack where it carries the message (Chromium), message and stack where it does not. */
function errorText(error: Error): string {
  const head = errorHead(error);
  const stack = textOf(error.stack);
  return stack.includes(textOf(error.message)) && stack ? stack : head + (stack && '\n' + stack);
}

/** "TypeError: message", as `toString` gives it, without calling the host's. */
export function errorHead(error: Error): string {
  const name = textOf(error.name) || 'Error';
  const message = textOf(error.message);
  return message ? `${name}: ${message}` : name;
}

/** Errors of this realm and of others, DOMExceptions too. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || /^(Error|DOMException)$/.test(tagOf(value));
}

/** The class in `[object Class]`, which is the same in every realm. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** A string, whatever the value is; '' for null, undefined and what cannot be told. */
export function textOf(value: unknown): string {
  try {
    return value == null ? '' : String(value);
  } catch {
    return '';
  }
}

function nodeText(node: Node): string {
  if (!(node instanceof Element)) return `[${node.nodeName}]`;
  const attributes = ['id', 'class']
    .map((name) => [name, node.getAttribute(name)])
    .filter(([, value]) => value)
    .map(([name, value]) => ` ${name}="${value}"`);
  return `<${node.localName}${attributes.join('')}>`;
}

function nameOf(value: object, tag: string): string {
  if (tag !== 'Object') return tag === 'Array' ? `Array(${(value as unknown[]).length})` : tag;
  const made: unknown = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  return typeof made === 'function' && made.name !== 'Object' ? made.name : '';
}

function clip(text: string, most: number): string {
  return text.length > most ? text.slice(0, Math.max(most, 0)) + '…' : text;
}
