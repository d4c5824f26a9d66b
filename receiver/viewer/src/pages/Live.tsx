// The live stream: what arrives, newest on top.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Item, type Kind, type Summary, query, read } from '../api.js';
import { clock, date, plural } from '../format.js';
import { listen } from '../live.js';
import { AppChoice, Choice, Failed, Search, alongList } from '../parts/bits.js';
import { Empty } from '../parts/Empty.js';
import { Tag, Words, tone } from '../parts/line.js';
import { replace, route, to } from '../route.js';

/** Lines kept in the page: more than anyone scrolls through, few enough to stay quick. */
const LINES = 400;

const KINDS: [Kind | '', string][] = [
  ['', 'All'], ['exception', 'Errors'], ['log', 'Logs'], ['event', 'Events'],
  ['vital', 'Vitals'], ['span', 'Spans'], ['measurement', 'Measures'],
];

interface Stream {
  items: Item[];
  /** What came while paused, newest first. */
  held: Item[];
  missed: number;
}

export function Live({ summary }: { summary: Summary | undefined }) {
  const { query: at } = route.value;
  const filter = { kind: at.get('kind') ?? '', app: at.get('app') ?? '', q: at.get('q') ?? '' };
  const { kind, app, q } = filter;
  const [paused, pause] = useState(false);
  const [stream, set] = useState<Stream>({ items: [], held: [], missed: 0 });
  const [error, fail] = useState<string>();
  const [more, setMore] = useState(false);
  const stopped = useRef(paused);
  stopped.current = paused;
  /** Newest item of the first reading: what came later is shown to be new. */
  const known = useRef(Infinity);

  useEffect(() => {
    const abort = new AbortController();
    const passes = matcher(kind, app, q);
    const load = () => {
      read<Item[]>(`/api/items${query({ kind, app, q, limit: 200 })}`, abort.signal).then(
        (found) => {
          fail(undefined);
          setMore(found.length === 200);
          if (known.current === Infinity) known.current = found[0]?.id ?? 0;
          set((old) => ({ ...old, items: merge(old.items, found) }));
        },
        (problem: Error) => abort.signal.aborted || fail(problem.message),
      );
    };
    set({ items: [], held: [], missed: 0 });
    load();
    const stop = listen({
      items: (all) => {
        const found = all.filter(passes).reverse();
        if (found.length === 0) return;
        const key = stopped.current ? 'held' : 'items';
        set((old) => ({ ...old, [key]: merge(found, old[key]) }));
      },
      missed: (count) => (count === undefined ? load() : set((old) => ({ ...old, missed: old.missed + count }))),
    });
    return () => {
      stop();
      abort.abort();
    };
  }, [kind, app, q]);

  if (summary?.items === 0 && stream.items.length === 0) return <Empty collector={summary.collector} />;

  const go = (change: Partial<typeof filter>) => replace(to('live', '', { ...filter, ...change }));
  const toggle = () => {
    if (paused) set((old) => ({ ...old, items: merge(old.held, old.items), held: [] }));
    pause(!paused);
  };
  const older = () => {
    const last = stream.items.at(-1);
    if (!last) return;
    read<Item[]>(`/api/items${query({ ...filter, limit: 200, before: last.id })}`).then((found) => {
      setMore(found.length === 200);
      // Older lines were asked for: they stay, whatever the limit.
      set((old) => ({ ...old, items: [...old.items, ...found] }));
    }, (problem: Error) => fail(problem.message));
  };

  return (
    <>
      <h1 class="hidden">Live stream</h1>
      <div class="bar-top">
        <Choice label="Kind" value={kind} options={KINDS} set={(value) => go({ kind: value })} />
        <AppChoice apps={summary?.apps ?? []} value={app} set={(value) => go({ app: value })} />
        <Search label="Filter by text, session or page" value={q} set={(value) => go({ q: value })} />
        <button type="button" class={paused ? 'end primary' : 'end'} aria-pressed={paused} onClick={toggle}>
          {paused ? (stream.held.length > 0 ? `Resume (${stream.held.length === LINES ? `${LINES}+` : stream.held.length} new)` : 'Resume') : 'Pause'}
        </button>
      </div>
      {error && <Failed error={error} />}
      {stream.missed > 0 && <p class="note" role="status">{plural(stream.missed, 'item')} came too fast to show. They are stored: <button type="button" class="quiet" onClick={() => location.reload()}>read again</button></p>}
      {stream.items.length === 0 && !error && <p class="note">Nothing stored matches this. New items that do will appear here.</p>}
      <ol class="lines" onKeyDown={alongList}>
        {stream.items.map((item) => (
          <li key={item.id} class={`tone-${tone(item)}${item.id > known.current ? ' new' : ''}`}>
            <a data-row href={item.session ? to('session', item.session, { item: item.id }) : to('item', String(item.id))}>
              <time title={date(item.time)}>{clock(item.time)}</time>
              <Tag item={item} />
              <span class="app">{item.app}</span>
              <span class="words"><Words item={item} /></span>
              <code class="dim">{item.session}</code>
            </a>
          </li>
        ))}
      </ol>
      {more && stream.items.length > 0 && <p class="more"><button type="button" onClick={older}>Older</button></p>}
    </>
  );
}

/** Both lists as one, newest first, each item once, no longer than a page holds. */
function merge(newer: Item[], older: Item[]): Item[] {
  const all = new Map([...older, ...newer].map((item) => [item.id, item]));
  return [...all.values()].sort((a, b) => b.id - a.id).slice(0, LINES);
}

/** What the receiver's own filter does, for items that have not been through it. */
function matcher(kind: string, app: string, q: string): (item: Item) => boolean {
  const wanted = q.toLowerCase();
  return (item) =>
    (!kind || item.kind === kind) &&
    (!app || item.app === app) &&
    (!wanted || [item.message, item.name, item.session, item.page].some((text) => text?.toLowerCase().includes(wanted)));
}
