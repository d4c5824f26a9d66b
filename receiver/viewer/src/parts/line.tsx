// One item in one line: what it is in a word and a colour, what it says.

import type { Item } from '../api.js';
import { besides, duration, path, vital } from '../format.js';

/** The word at the front of a line. */
export function tag(item: Item): string {
  switch (item.kind) {
    case 'exception': return 'error';
    case 'log': return item.level || 'log';
    case 'vital': return item.name.toUpperCase();
    case 'measurement': return 'measure';
    default: return item.kind;
  }
}

/** The class that colours it. */
export function tone(item: Item): string {
  if (item.kind === 'exception' || item.level === 'error') return 'bad';
  if (item.kind === 'vital') return item.rating ?? 'plain';
  if (item.kind === 'log') return item.level === 'warn' ? 'warn' : item.level === 'info' ? 'info' : 'plain';
  return item.kind;
}

/** What it says. */
export function Words({ item }: { item: Item }) {
  switch (item.kind) {
    case 'exception':
      return <><b>{item.name || 'Error'}</b> {item.message}</>;
    case 'log':
      return <>{item.message}</>;
    case 'vital':
      return <><b>{item.value !== null && vital(item.name, item.value)}</b> <span class="dim">{item.message || (item.page && path(item.page))}</span></>;
    case 'span':
      return <><b>{item.name}</b> {besides(item)} <span class="dim">{item.value !== null && duration(item.value)}</span></>;
    default:
      return <><b>{item.name}</b> <span class="dim">{item.message}</span></>;
  }
}

export function Tag({ item }: { item: Item }) {
  return <span class={`tag ${tone(item)}`}>{tag(item)}</span>;
}
