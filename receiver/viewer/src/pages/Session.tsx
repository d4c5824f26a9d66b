// One session: who and where, how it felt, everything that happened in order, and each thing in full.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type FullItem, type Kind, type SessionPage, query, read } from '../api.js';
import { useData } from '../data.js';
import { ago, count, date, duration, plural, since } from '../format.js';
import { Choice, Copy, Failed, Loading, Out, Table, Vital, alongList } from '../parts/bits.js';
import { Detail } from '../parts/Detail.js';
import { Tag, Words, tone } from '../parts/line.js';
import { replace, route, to } from '../route.js';

const KINDS: [Kind | '', string][] = [
  ['', 'All'], ['exception', 'Errors'], ['log', 'Logs'], ['event', 'Events'], ['vital', 'Vitals'], ['span', 'Spans'], ['measurement', 'Measures'],
];
const VITALS = ['lcp', 'inp', 'cls', 'fcp', 'ttfb'];

export function SessionView({ id }: { id: string }) {
  const path = `/api/sessions/${encodeURIComponent(id)}`;
  const { data, error } = useData<SessionPage>(path, (item) => item.session === id);
  const [older, setOlder] = useState<Pick<SessionPage, 'timeline' | 'earlier'>>();
  if (!data) return error ? <Failed error={error} /> : <Loading />;
  const earlier = older ? older.earlier : data.earlier;
  const load = () => {
    read<SessionPage>(path + query({ before: earlier })).then(
      (found) => setOlder((old) => ({ timeline: [...found.timeline, ...(old?.timeline ?? [])], earlier: found.earlier })),
      () => {},
    );
  };
  const timeline = older ? [...older.timeline, ...data.timeline] : data.timeline;
  return (
    <>
      <Head session={data} />
      {earlier !== null && <p class="more"><button type="button" onClick={load}>Load what came earlier</button></p>}
      <Timeline session={data} items={timeline} />
    </>
  );
}

function Head({ session }: { session: SessionPage }) {
  const { meta } = session;
  return (
    <header class="session">
      <h1>
        {session.user ?? 'Anonymous'}
        <span class="dim">in</span> {session.app || 'an unnamed app'}
        {session.version && <span class="env">{session.version}</span>}
        {session.environment && <span class="env">{session.environment}</span>}
      </h1>
      <p class="facts">
        {session.browser && <span>{session.browser}</span>}
        {session.os && <span>{session.os}</span>}
        {session.page && <span class="cut"><Out url={session.page} /></span>}
        <span title={date(session.first)}>started {ago(session.first)}</span>
        <span>{duration(session.last - session.first)}</span>
        <span>{plural(session.items, 'item')}</span>
        <span class={session.errors ? 'fail' : ''}>{plural(session.errors, 'error')}</span>
        <span><code>{session.id}</code> <Copy value={session.id} /></span>
      </p>
      {meta && (
        <details class="meta">
          <summary>All metadata</summary>
          <div>{Object.entries(meta).map(([part, value]) => typeof value === 'object' && value !== null && <Table key={part} title={part} pairs={value as Record<string, unknown>} />)}</div>
        </details>
      )}
    </header>
  );
}

function Timeline({ session, items }: { session: SessionPage; items: FullItem[] }) {
  const at = route.value.query;
  const kind = at.get('kind') ?? '';
  const shown = useMemo(() => (kind ? items.filter((item) => item.kind === kind) : items), [items, kind]);
  // Without a choice, what people come for: the first error, or else the first item.
  const chosen = Number(at.get('item')) || undefined;
  const item = shown.find(({ id }) => id === chosen) ?? shown.find((each) => each.kind === 'exception') ?? shown[0];
  const list = useRef<HTMLOListElement>(null);
  const choose = (id: number) => replace(to('session', session.id, { item: id, kind }));

  // The list follows the choice, the page stays where it is: scrollIntoView would move both.
  useEffect(() => {
    const row = list.current?.querySelector<HTMLElement>('[aria-current]')?.parentElement;
    if (!list.current || !row) return;
    const { scrollTop, clientHeight } = list.current;
    const top = row.offsetTop - list.current.offsetTop;
    if (top < scrollTop || top + row.offsetHeight > scrollTop + clientHeight) list.current.scrollTop = top - clientHeight / 2;
  }, [item?.id, shown.length]);

  const vitals = VITALS.map((name) => items.findLast((each) => each.kind === 'vital' && each.name === name));
  const start = items[0]?.time ?? session.first;
  return (
    <>
      <div class="vitals">
        {vitals.map((each) => each?.rating && each.value !== null && (
          <Vital key={each.name} name={each.name} value={each.value} rating={each.rating} href={to('session', session.id, { item: each.id })} />
        ))}
      </div>
      <Strip items={items} chosen={item?.id} choose={choose} />
      <div class="bar-top">
        <Choice
          label="Kind"
          value={kind}
          options={KINDS.map(([value, label]) => [value, `${label} ${count(value ? items.filter((each) => each.kind === value).length : items.length)}`])}
          set={(value) => replace(to('session', session.id, { item: chosen, kind: value }))}
        />
      </div>
      <div class="split">
        <ol class="lines timeline" ref={list} onKeyDown={alongList} aria-label="Timeline">
          {shown.map((each) => (
            <li key={each.id} class={`tone-${tone(each)}`}>
              <button type="button" data-row aria-current={each.id === item?.id ? 'true' : undefined} onClick={() => choose(each.id)}>
                <time title={date(each.time)}>{since(each.time - start)}</time>
                <Tag item={each} />
                <span class="words"><Words item={each} /></span>
              </button>
            </li>
          ))}
          {shown.length === 0 && <li class="note">Nothing of this kind.</li>}
        </ol>
        {item && <Detail key={item.id} item={item} inSession />}
      </div>
    </>
  );
}

/** The whole session at a glance: a tick for each item, spans as long as they took. A picture; the list has it all. */
function Strip({ items, chosen, choose }: { items: FullItem[]; chosen: number | undefined; choose: (id: number) => void }) {
  const start = items[0]?.time ?? 0;
  const end = Math.max(...items.map((item) => item.time + (item.kind === 'span' ? (item.value ?? 0) : 0)));
  const total = end - start;
  if (items.length < 3 || !(total > 0)) return null;
  const place = (time: number) => `${((time - start) / total) * 100}%`;
  return (
    <div class="strip" aria-hidden="true">
      {items.map((item) => (
        <i
          key={item.id}
          class={`tone-${tone(item)} ${item.kind}${item.id === chosen ? ' chosen' : ''}`}
          style={{ left: place(item.time), ...(item.kind === 'span' ? { width: `${((item.value ?? 0) / total) * 100}%` } : {}) }}
          onClick={() => choose(item.id)}
        />
      ))}
      <span>0</span><span>{duration(total / 2)}</span><span>{duration(total)}</span>
    </div>
  );
}
