// Errors that are the same error, together: how often, for how many, and where.

import { type ErrorGroup, type Item, type Summary, query } from '../api.js';
import { useData } from '../data.js';
import { ago, clock, count, date, plural } from '../format.js';
import { AppChoice, Failed, Loading, alongList } from '../parts/bits.js';
import { Detail } from '../parts/Detail.js';
import { Empty } from '../parts/Empty.js';
import { replace, route, to } from '../route.js';

export function Errors({ summary }: { summary: Summary | undefined }) {
  const app = route.value.query.get('app') ?? '';
  const { data, error } = useData<ErrorGroup[]>(`/api/errors${query({ app, limit: 200 })}`, (item) => item.kind === 'exception');
  if (summary?.items === 0) return <Empty collector={summary.collector} />;
  if (!data) return error ? <Failed error={error} /> : <Loading />;
  const open = data.find(({ group }) => group === route.value.id) ?? data[0];
  return (
    <>
      <h1 class="hidden">Errors</h1>
      <div class="bar-top">
        <AppChoice apps={summary?.apps ?? []} value={app} set={(value) => replace(to('errors', '', { app: value }))} />
        <span class="dim">{plural(data.length, 'different error')}</span>
      </div>
      {!open && <p class="note">No errors. That is all there is to say.</p>}
      {open && (
        <div class="split">
          <ol class="groups" onKeyDown={alongList} aria-label="Errors">
            {data.map(({ group, count: times, sessions, last, sample }) => (
              <li key={group}>
                <button type="button" data-row aria-current={group === open.group ? 'true' : undefined} onClick={() => replace(to('errors', group, { app }))}>
                  <b>{sample.name || 'Error'}</b>
                  <strong>{count(times)}×</strong>
                  <span class="words">{sample.message}</span>
                  <small><span>{sample.app}</span><span>{plural(sessions, 'session')}</span><span title={date(last)}>{ago(last)}</span></small>
                </button>
              </li>
            ))}
          </ol>
          <div>
            <Detail key={open.sample.id} item={open.sample} />
            <Times key={open.group} group={open} />
          </div>
        </div>
      )}
    </>
  );
}

function Times({ group }: { group: ErrorGroup }) {
  const { data } = useData<Item[]>(`/api/items${query({ group: group.group, limit: 20 })}`);
  if (!data) return null;
  return (
    <section class="times">
      <h3>Latest of {count(group.count)} <span class="dim">first {ago(group.first)}, in {plural(group.sessions, 'session')}</span></h3>
      <ul>
        {data.map((item) => (
          <li key={item.id}>
            <a href={item.session ? to('session', item.session, { item: item.id }) : to('item', String(item.id))}>
              <time title={date(item.time)}>{clock(item.time)}</time> <code>{item.session ?? 'no session'}</code> <span class="dim">{item.page}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
