// What was thrown or rejected, of any kind and from any realm, as a type, a value and a stack.

import { errorHead, isError, render, renderOne, tagOf, textOf } from './render.js';

/** An exception before its frames are parsed. */
export interface Thrown {
  type: string;
  value: string;
  /** The engine's own text; '' when there is none. */
  stack: string;
  context?: Record<string, string>;
}

/** Links of a cause chain that are told, and children of an AggregateError. */
const CAUSES = 5;
const CHILDREN = 10;

/** Details of a value that was thrown. Types and values are Faro's, where Faro has any. */
export function thrown(reason: unknown): Thrown {
  if (isError(reason)) {
    const message = textOf(reason.message);
    const isDom = tagOf(reason) === 'DOMException';
    return {
      type: textOf(reason.name) || 'Error',
      value: isDom ? errorHead(reason) : message,
      stack: textOf(reason.stack),
      context: origins(reason),
    };
  }
  if (typeof reason === 'object' && reason) {
    return {
      type: 'Error',
      value: 'Non-Error exception captured with keys: ' + Object.keys(reason).join(','),
      stack: textOf((reason as { stack?: unknown }).stack),
      context: { thrown: renderOne(reason) },
    };
  }
  return { type: 'Error', value: renderOne(reason), stack: '' };
}

/** Details of a rejection that nobody handled. */
export function rejected(reason: unknown): Thrown {
  if (typeof reason === 'object' && reason) return thrown(reason);
  const value = 'Non-Error promise rejection captured with value: ' + renderOne(reason);
  return { type: 'UnhandledRejection', value, stack: '' };
}

/** Details from the text alone: "Uncaught TypeError: x is not a function", "Script error.". */
export function fromMessage(message: string): Thrown {
  const text = message.replace(/^uncaught (exception: )?/i, '');
  const [, type, value] = /^([A-Za-z]*Error): ([^]*)$/.exec(text) ?? [];
  return { type: type ?? 'Error', value: value ?? text, stack: '' };
}

/** `cause` as Faro writes it, further links after it; the children of an AggregateError. */
function origins(error: Error & { cause?: unknown; errors?: unknown }): Record<string, string> | undefined {
  const links: string[] = [];
  let at: unknown = error.cause;
  while (at != null && links.length < CAUSES) {
    links.push(isError(at) ? errorHead(at) : renderOne(at));
    at = isError(at) ? (at as { cause?: unknown }).cause : null;
  }
  const children = Array.isArray(error.errors)
    ? error.errors.slice(0, CHILDREN).map((child: unknown) => (isError(child) ? errorHead(child) : render([child])))
    : [];
  if (!links.length && !children.length) return undefined;
  return {
    ...(links.length && { cause: links.join(' <- ') }),
    ...(children.length && { errors: children.join('; ') }),
  };
}
