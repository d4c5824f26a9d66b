// A trace as bars on one time axis, children under their parents, a colour for each service.

import { useMemo, useState } from 'preact/hooks';
import type { Item, Span, Trace } from '../api.js';
import { useData } from '../data.js';
import { besides, clock, duration, plural, since } from '../format.js';
import { route, to } from '../route.js';
import { Failed, Loading, Table, alongList } from './bits.js';
import { Tag, Words, tone } from './line.js';

/** Colours that app.css has for services; more services share them. */
const COLOURS = 6;
/** Errors, logs and events listed under the spans. */
const OTHERS = 30;
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

interface Row {
  span: Span;
  depth: number;
}

/** The trace `id`, with `selected` (a span id) open. Read again while spans of it keep coming. */
export function Waterfall({ id, selected, item }: { id: string; selected?: string | null; item?: number }) {
  const { data, error } = useData<Trace>(`/api/traces/${encodeURIComponent(id)}`, (item) => item.traceId === id);
  if (!data) return error ? <Failed error={error} /> : <Loading />;
  if (data.spans.length === 0) return <p class="note">No span of this trace has arrived.</p>;
  return <Spans trace={data} selected={selected ?? null} others={data.items.filter((other) => other.id !== item).slice(0, OTHERS)} />;
}

function Spans({ trace, selected, others }: { trace: Trace; selected: string | null; others: Item[] }) {
  const rows = useMemo(() => nest(trace.spans), [trace]);
  const services = useMemo(() => [...new Set(trace.spans.map((span) => span.service))], [trace]);
  const [chosen, choose] = useState(selected);
  const start = Math.min(...trace.spans.map((span) => span.start));
  const total = Math.max(...trace.spans.map((span) => span.start + span.duration)) - start || 1;
  const colour = (span: Span) => `svc${services.indexOf(span.service) % COLOURS}`;
  const open = trace.spans.find((span) => span.spanId === chosen);
  const failed = trace.spans.filter((span) => span.status === 2).length;
  return (
    <section class="trace">
      <h3>
        Trace
        <span class="dim">{plural(trace.spans.length, 'span')} · {duration(total)}{trace.truncated && ' · not all are shown'}</span>
        {failed > 0 && <span class="fail">{failed} failed</span>}
        {route.value.page !== 'trace' && <a class="dim" href={to('trace', trace.traceId)}>Open alone</a>}
        <span class="legend">{services.map((service, index) => <span key={service} class={`svc${index % COLOURS}`}><i />{service || 'unnamed'}</span>)}</span>
      </h3>
      <div class="fall" onKeyDown={alongList}>
        <div class="axis" aria-hidden="true">
          {[0, 0.25, 0.5, 0.75].map((part) => <span key={part}>{duration(total * part)}</span>)}
        </div>
        {rows.map(({ span, depth }) => {
          const left = ((span.start - start) / total) * 100;
          const width = Math.max((span.duration / total) * 100, 0.3);
          return (
            <button
              key={span.id}
              type="button"
              data-row
              class={`${colour(span)} ${span.status === 2 ? 'failed' : ''}`}
              aria-expanded={span.spanId === chosen}
              onClick={() => choose(span.spanId)}
            >
              <span class="what" style={{ paddingLeft: `${Math.min(depth, 12) * 12}px` }} title={`${span.service}: ${span.name} ${span.message}`}>
                <i aria-hidden="true" />
                <b>{span.name || 'unnamed'}</b> {besides(span)}
              </span>
              <span class="track">
                <span class="bar" style={{ left: `${left}%`, width: `${Math.min(width, 100 - left)}%` }} />
              </span>
              <span class="took">{span.status === 2 && <em title="failed">✕<span class="hidden"> failed, </span></em>} {duration(span.duration)}</span>
            </button>
          );
        })}
      </div>
      {open && <SpanDetail span={open} start={start} />}
      {others.length > 0 && (
        <section>
          <h3>Also in this trace</h3>
          <ol class="lines also" onKeyDown={alongList}>
            {others.map((item) => (
              <li key={item.id} class={`tone-${tone(item)}`}>
                <a data-row href={item.session ? to('session', item.session, { item: item.id }) : to('item', String(item.id))}>
                  <time>{since(item.time - start)}</time><Tag item={item} /><span class="words"><Words item={item} /></span>
                </a>
              </li>
            ))}
          </ol>
        </section>
      )}
    </section>
  );
}

function SpanDetail({ span, start }: { span: Span; start: number }) {
  const events = span.detail?.events ?? [];
  return (
    <div class="span">
      <p class="facts">
        <span>{span.service}</span>
        {KINDS[span.kind] && <span>{KINDS[span.kind]}</span>}
        <span title={clock(span.start)}>starts at {duration(span.start - start)}</span>
        <span>takes {duration(span.duration)}</span>
        <code>{span.spanId}</code>
      </p>
      {span.status === 2 && <p class="note bad">Failed{span.detail?.statusMessage && `: ${span.detail.statusMessage}`}</p>}
      <Table title="Attributes" pairs={span.detail?.attributes} />
      {events.map((event, index) => <Table key={index} title={`${event.name} at ${duration(event.time - span.start)}`} pairs={event.attributes} />)}
    </div>
  );
}

/** Spans in the order of a tree. A span whose parent never came is a root; a loop of parents is cut. */
function nest(spans: Span[]): Row[] {
  const known = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = span.parentId && known.has(span.parentId) ? span.parentId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: Row[] = [];
  const seen = new Set<string>();
  const from = (roots: Span[]) => {
    const stack = roots.map((span) => ({ span, depth: 0 })).reverse();
    for (let row = stack.pop(); row; row = stack.pop()) {
      const { span, depth } = row;
      if (seen.has(span.spanId)) continue;
      seen.add(span.spanId);
      rows.push(row);
      const below = children.get(span.spanId) ?? [];
      for (const child of [...below].reverse()) stack.push({ span: child, depth: depth + 1 });
    }
  };
  from(children.get('') ?? []);
  for (const span of spans) if (!seen.has(span.spanId)) from([span]);
  return rows;
}
