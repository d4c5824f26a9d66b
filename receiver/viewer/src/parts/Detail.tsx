// Everything of one item: the panel beside a list.

import type { FullItem } from '../api.js';
import { useData } from '../data.js';
import { clock, date, vital } from '../format.js';
import { to } from '../route.js';
import { Copy, Out, Table } from './bits.js';
import { Stack } from './Stack.js';
import { Waterfall } from './Waterfall.js';
import { Tag } from './line.js';

/** Where good ends and poor begins, to draw the scale; the receiver does the judging. */
const SCALE: Record<string, [good: number, poor: number]> = {
  lcp: [2_500, 4_000], inp: [200, 500], cls: [0.1, 0.25], fcp: [1_800, 3_000], ttfb: [800, 1_800],
};

export function Detail({ item, inSession }: { item: FullItem; inSession?: boolean }) {
  // A list leaves out what would make it too large; the item itself has it.
  const lacking = item.detail === null;
  const { data } = useData<FullItem>(lacking ? `/api/items/${item.id}` : null);
  const detail = item.detail ?? data?.detail;
  const frames = detail?.stacktrace?.frames ?? [];
  return (
    <article class="detail" aria-label="Item">
      <header>
        <Tag item={item} />
        <time dateTime={new Date(item.time).toISOString()} title={date(item.time)}>{clock(item.time)}</time>
        {item.app && <span>{item.app}</span>}
        {detail?.domain && <span>{detail.domain}</span>}
        {detail?.fatal && <span class="tag bad">fatal</span>}
        {detail?.action?.name && <span>action {detail.action.name}</span>}
        {item.session && !inSession && <a href={to('session', item.session, { item: item.id })}>Open session</a>}
      </header>
      <Headline item={item} />
      {item.page && <p class="page">on <Out url={item.page} /></p>}
      {frames.length > 0 && <Stack frames={frames} />}
      {item.traceId && (item.kind === 'span' || item.kind === 'event' || item.spanId) && <Waterfall id={item.traceId} selected={item.spanId} item={item.id} />}
      {item.kind === 'measurement' && <Table title="Values" pairs={detail?.values} />}
      {item.kind !== 'span' && <Table title="Attributes" pairs={detail?.attributes} />}
      <Table title="Context" pairs={detail?.context} />
      {item.kind === 'vital' && <Table title="Parts" pairs={detail?.values} />}
      {lacking && data?.detail === null && <p class="note">This item was too large to keep whole.</p>}
      {detail && (
        <details>
          <summary>JSON</summary>
          <Copy value={JSON.stringify(detail, null, 2)} />
          <pre>{JSON.stringify(detail, null, 2)}</pre>
        </details>
      )}
    </article>
  );
}

function Headline({ item }: { item: FullItem }) {
  if (item.kind === 'exception') return <h2 class="wrong"><b>{item.name || 'Error'}</b>{item.message}</h2>;
  if (item.kind === 'log') return <pre class="message">{item.message}</pre>;
  if (item.kind === 'span') return <h2>{item.name} <Out url={item.message} /></h2>;
  if (item.kind !== 'vital' || item.value === null) return <h2>{item.name}</h2>;
  const [good, poor] = SCALE[item.name] ?? [1, 2];
  const end = poor * 1.6;
  return (
    <>
      <h2 class={`big ${item.rating}`}>{vital(item.name, item.value)} <small>{item.rating?.replace('-', ' ')}</small></h2>
      <div class="scale" role="img" aria-label={`good up to ${vital(item.name, good)}, poor over ${vital(item.name, poor)}`}>
        <i class="good" style={{ width: `${(good / end) * 100}%` }}>{vital(item.name, good)}</i>
        <i class="needs-improvement" style={{ width: `${((poor - good) / end) * 100}%` }}>{vital(item.name, poor)}</i>
        <i class="poor" style={{ flex: '1' }} />
        <b style={{ left: `${Math.min(item.value / end, 0.99) * 100}%` }} />
      </div>
    </>
  );
}
