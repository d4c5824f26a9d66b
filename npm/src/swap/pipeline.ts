// What happens to an item outside the agent: hooks, then transports of the page's own, in batches.
//
// The agent asks about each item (`ask`) where something here wants to see it. An item comes back to the agent as it
// was, with another payload, or not at all; one whose meta a hook has changed is sent from here, because the agent
// sends one meta for a whole batch.

import { equip } from './extensions.js';
import type { BeforeSendHook, Config, Extension, Faro, Transport, TransportItem, Transports } from './types.js';
import { FetchTransport } from './transports.js';

export interface Pipeline extends Transports {
  /** The agent's question: what it is to send, or null. */
  ask(item: TransportItem): TransportItem | null;
  /** From here on transports are given items; what came before waited. */
  attach(faro: Faro): void;
  /** Sends what waits. */
  flush(): void;
  /** Told about each item before the hooks are. */
  readonly watchers: Set<(item: TransportItem) => void>;
  /** What goes on top of the agent's own meta. */
  overlay: (item: TransportItem) => TransportItem;
}

/** Where the agent itself sends, as a transport: nothing but a URL and a key. */
export function own(transport: Transport): FetchTransport | undefined {
  if (!(transport instanceof FetchTransport)) return undefined;
  const { url, apiKey, ...more } = transport.options;
  return Object.keys(more).length || transport.send !== FetchTransport.prototype.send ? undefined : transport;
}

export function pipeline({ batching, beforeSend }: Config, list: Transport[], agents: FetchTransport | undefined): Pipeline {
  const { enabled = true, sendTimeout = 250, itemLimit = 50 } = batching ?? {};
  const hooks: BeforeSendHook[] = beforeSend ? [beforeSend] : [];
  const lanes = new Map<Transport, TransportItem[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let faro: Faro | undefined;
  let paused = false;

  const guarded = (what: string, work: () => void | Promise<void>): void => {
    const fail = (error: unknown) => faro?.internalLogger.error(`${what} failed`, error);
    try {
      void Promise.resolve(work()).catch(fail);
    } catch (error) {
      fail(error);
    }
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!faro) return;
    for (const [transport, items] of lanes) {
      const groups = new Map<string, TransportItem[]>();
      for (const item of items.splice(0)) {
        const meta = JSON.stringify(item.meta);
        groups.set(meta, [...(groups.get(meta) ?? []), item]);
      }
      groups.forEach((group) => guarded(transport.name, () => transport.send(group)));
    }
  };

  const give = (transport: Transport, item: TransportItem): void => {
    if (faro && !(enabled && transport.isBatched?.())) {
      guarded(transport.name, () => transport.send(transport.isBatched?.() ? [item] : item));
      return;
    }
    const lane = lanes.get(transport) ?? [];
    lanes.set(transport, lane);
    lane.push(item);
    if (faro && lane.length >= itemLimit) flush();
    else if (sendTimeout > 0) timer ??= setTimeout(flush, sendTimeout);
  };

  /** What the hooks leave of an item. A hook that fails drops it: what it was to remove must not be sent. */
  const hooked = (item: TransportItem): TransportItem | null => {
    let kept: TransportItem | null = item;
    for (const hook of hooks) {
      if (!kept) break;
      try {
        kept = hook(kept);
      } catch (error) {
        faro?.internalLogger.error('beforeSend failed, the item is dropped', error);
        return null;
      }
    }
    return kept;
  };

  const made: Pipeline = {
    transports: list,
    watchers: new Set(),
    overlay: (item) => item,
    ask(item) {
      const meta = JSON.stringify(item.meta);
      made.watchers.forEach((watch) => watch(item));
      const kept = paused ? null : hooked(made.overlay(item));
      if (!kept) return null;
      const mine = !!agents && made.transports.includes(agents);
      const unchanged = JSON.stringify(kept.meta) === meta;
      for (const transport of made.transports) {
        if (transport !== agents || !unchanged) give(transport, kept);
      }
      return mine && unchanged ? kept : null;
    },
    execute(item) {
      const kept = paused ? null : hooked(item);
      if (kept) made.transports.forEach((transport) => give(transport, kept));
    },
    add(...more) {
      for (const transport of more) {
        if (made.transports.includes(transport)) continue;
        if (faro) equip(transport as Extension, faro);
        made.transports.push(transport);
      }
    },
    remove(...gone) {
      for (const transport of gone) {
        const at = made.transports.indexOf(transport);
        if (at >= 0) made.transports.splice(at, 1);
        lanes.delete(transport);
      }
    },
    addBeforeSendHooks: (...more) => more.forEach((hook) => hook && !hooks.includes(hook) && hooks.push(hook)),
    removeBeforeSendHooks: (...gone) => hooks.splice(0, hooks.length, ...hooks.filter((hook) => !gone.includes(hook))),
    getBeforeSendHooks: () => [...hooks],
    pause() {
      paused = true;
    },
    unpause() {
      paused = false;
    },
    isPaused: () => paused,
    attach(running) {
      faro = running;
      made.transports.forEach((transport) => equip(transport, running));
      for (const [transport, items] of [...lanes]) {
        if (enabled && transport.isBatched?.()) continue;
        items.splice(0).forEach((item) => give(transport, item));
      }
    },
    flush,
  };
  return made;
}
