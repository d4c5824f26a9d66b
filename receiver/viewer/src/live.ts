// The live stream: one connection for the whole app, open while the tab is looked at.

import { signal } from '@preact/signals';
import type { Item } from './api.js';

export const connection = signal<'connecting' | 'open' | 'lost'>('connecting');

export interface Listener {
  /** Items since the last frame, oldest first. */
  items(items: Item[]): void;
  /** Items that passed by unseen; undefined when unknown, because the connection was away. */
  missed?(count: number | undefined): void;
}

/** Items held for one frame. A burst larger than a list shows is told as missed. */
const FRAME = 1_000;

const listeners = new Set<Listener>();
let source: EventSource | undefined;
let waiting: Item[] = [];
let was = false;

/** Calls `listener` until the returned function is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Opens the stream and follows the tab's visibility: browsers allow six connections to one host. */
export function start(): void {
  document.addEventListener('visibilitychange', follow);
  follow();
}

function follow(): void {
  if (document.visibilityState === 'hidden') {
    source?.close();
    source = undefined;
  } else if (!source) open();
}

function open(): void {
  source = new EventSource('/api/live');
  source.addEventListener('open', () => {
    connection.value = 'open';
    if (was) for (const listener of listeners) listener.missed?.(undefined);
    was = true;
  });
  source.addEventListener('error', () => {
    connection.value = 'lost';
    // A refusal closes for good; a lost connection is tried again by the browser.
    if (source?.readyState === EventSource.CLOSED) {
      source = undefined;
      setTimeout(follow, 5_000);
    }
  });
  source.addEventListener('missed', (event) => {
    const { missed } = JSON.parse(event.data as string) as { missed: number };
    for (const listener of listeners) listener.missed?.(missed);
  });
  source.addEventListener('item', (event) => {
    if (waiting.length === 0) requestAnimationFrame(hand);
    waiting.push(JSON.parse(event.data as string) as Item);
    if (waiting.length > FRAME) waiting.shift();
  });
}

function hand(): void {
  const items = waiting;
  waiting = [];
  for (const listener of listeners) listener.items(items);
}
