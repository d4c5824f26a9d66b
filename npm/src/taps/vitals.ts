// Performance entries for the web vitals, handed over as numbers; what they mean is decided in the agent.

import type { Agent } from '../agent.js';
import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { listen, type Undo } from '../patch.js';
import { selector } from '../selector.js';
import type { NavigationTiming } from '../types.js';

/** Milliseconds: shorter interactions are not listed (the platform's least is 16; web-vitals uses 40). */
const INTERACTION = 40;

interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  sources?: { node?: Node | null; currentRect: DOMRectReadOnly }[];
}

interface Paint extends PerformanceEntry {
  url?: string;
  element?: Element | null;
}

interface Interaction extends PerformanceEventTiming {
  interactionId: number;
}

export function start({ agent, leaving }: Reach): Undo {
  if (typeof PerformanceObserver !== 'function') return () => {};
  const { vital } = agent;
  const stops: Undo[] = [];
  let hiddenAt = firstHidden();

  /** Observes one type from the page's start on; returns what hands over the entries still pending. */
  function observe<E extends PerformanceEntry>(type: string, take: (entry: E) => void, options?: object): Undo {
    if (!PerformanceObserver.supportedEntryTypes?.includes(type)) return () => {};
    const hand = (entries: PerformanceEntry[]) => tap(() => (entries as E[]).forEach(take));
    const observer = new PerformanceObserver((list) => hand(list.getEntries()));
    observer.observe({ type, buffered: true, ...options });
    const stop = () => observer.disconnect();
    stops.push(stop);
    const drain = () => hand(observer.takeRecords());
    leaving.add(drain);
    stops.push(() => leaving.delete(drain));
    return () => {
      drain();
      stop();
    };
  }

  const interact = (entry: Interaction) => {
    if (!entry.interactionId) return;
    const { interactionId, startTime, duration, processingStart, processingEnd, name, target } = entry;
    vital.interaction(interactionId, startTime, duration, processingStart, processingEnd, name, selector(target));
  };

  // First the navigation: the others are counted from its activation.
  const navigated = navigation(agent, stops);
  leaving.add(navigated);
  observe('paint', ({ name, startTime }) => {
    if (name === 'first-contentful-paint' && startTime < hiddenAt) vital.firstContentfulPaint(startTime);
  });
  const paintIsFinal = observe<Paint>('largest-contentful-paint', ({ startTime, url, element }) => {
    if (startTime >= hiddenAt) return;
    const load = url ? resource(url) : undefined;
    const begun = load ? load.requestStart || load.startTime : 0;
    vital.largestContentfulPaint(startTime, selector(element), begun, load?.responseEnd ?? 0);
  });
  observe<LayoutShift>('layout-shift', ({ startTime, value, hadRecentInput, sources }) => {
    if (!hadRecentInput) vital.layoutShift(startTime, value, largest(sources));
  });
  observe<Interaction>('event', interact, { durationThreshold: INTERACTION });
  observe<Interaction>('first-input', interact);

  // After the first input the page changes because of the user: no later paint counts.
  const input = ({ isTrusted }: Event) => {
    if (!isTrusted) return;
    unlisten();
    tap(() => {
      paintIsFinal();
      vital.firstInput();
    });
  };
  const inputs = ['click', 'keydown'].map((type) => listen(window, type, input));
  const unlisten = () => inputs.forEach((stop) => stop());
  const hide = () => {
    hiddenAt = Math.min(hiddenAt, performance.now());
  };
  leaving.add(hide);
  stops.push(unlisten, () => leaving.delete(navigated), () => leaving.delete(hide));
  return () => stops.forEach((stop) => stop());
}

/** Hands the navigation entry over once: when loading is done, or when asked at the latest. */
function navigation({ vital }: Agent, stops: Undo[]): () => void {
  let done = false;
  const send = () => tap(() => {
    const [entry] = performance.getEntriesByType('navigation') as (PerformanceEntry & NavigationTiming)[];
    // Some engines report no or a future response start: no number is better than a false one.
    if (done || !entry || entry.responseStart <= 0 || entry.responseStart > performance.now()) return;
    done = true;
    vital.navigation(entry);
  });
  const loaded = () => {
    if (document.readyState === 'complete') send();
    // One turn later, so that the entry has its last marks.
    else stops.push(listen(window, 'load', () => setTimeout(send)));
  };
  if ((document as { prerendering?: boolean }).prerendering) stops.push(listen(document, 'prerenderingchange', loaded));
  else loaded();
  return send;
}

/** When the page was first in the background: paints after that are not the user's. */
function firstHidden(): number {
  const states = performance.getEntriesByType('visibility-state');
  const hidden = states.find(({ name }) => name === 'hidden');
  if (hidden) return hidden.startTime;
  const { visibilityState, prerendering } = document as Document & { prerendering?: boolean };
  return visibilityState === 'hidden' && !prerendering ? 0 : Infinity;
}

function resource(url: string): PerformanceResourceTiming | undefined {
  return performance.getEntriesByName(url, 'resource')[0] as PerformanceResourceTiming | undefined;
}

/** The node that moved over the largest area; text answers with its element. */
function largest(sources: LayoutShift['sources'] = []): string {
  const area = ({ currentRect: { width, height } }: { currentRect: DOMRectReadOnly }) => width * height;
  const [first, ...rest] = sources.filter(({ node }) => node);
  return first ? selector(rest.reduce((most, next) => (area(next) > area(most) ? next : most), first).node) : '';
}
