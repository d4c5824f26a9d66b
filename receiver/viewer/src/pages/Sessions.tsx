// The sessions, the one heard from last on top.

import { useState } from 'preact/hooks';
import { type Session, type Summary, query } from '../api.js';
import { useData } from '../data.js';
import { ago, count, date, duration, path } from '../format.js';
import { AppChoice, Failed, Loading, Search, alongList } from '../parts/bits.js';
import { Empty } from '../parts/Empty.js';
import { replace, route, to } from '../route.js';

const STEP = 100;

export function Sessions({ summary }: { summary: Summary | undefined }) {
  const { query: at } = route.value;
  const filter = { app: at.get('app') ?? '', q: at.get('q') ?? '' };
  const [limit, setLimit] = useState(STEP);
  const { data, error } = useData<Session[]>(`/api/sessions${query({ ...filter, limit })}`, (item) => item.session !== null);
  if (summary?.items === 0) return <Empty collector={summary.collector} />;
  const go = (change: Partial<typeof filter>) => replace(to('sessions', '', { ...filter, ...change }));
  return (
    <>
      <h1 class="hidden">Sessions</h1>
      <div class="bar-top">
        <AppChoice apps={summary?.apps ?? []} value={filter.app} set={(app) => go({ app })} />
        <Search label="Filter by user, page, browser or session id" value={filter.q} set={(q) => go({ q })} />
      </div>
      {error && <Failed error={error} />}
      {!data && !error && <Loading />}
      {data?.length === 0 && <p class="note">No session matches this.</p>}
      {data && data.length > 0 && (
        <div class="scroll">
          <table class="sessions" onKeyDown={alongList}>
            <thead>
              <tr><th>User</th><th>App</th><th>Page</th><th>Browser</th><th class="num">Length</th><th class="num">Items</th><th class="num">Errors</th><th class="num">Last seen</th></tr>
            </thead>
            <tbody>
              {data.map((session) => (
                <tr key={session.id}>
                  <td>
                    <a data-row class="cover" href={to('session', session.id)}>
                      {session.user ?? <span class="dim">anonymous</span>} <code>{session.id}</code>
                    </a>
                  </td>
                  <td>{session.app}{session.environment && <span class="env">{session.environment}</span>}</td>
                  <td class="cut" title={session.page ?? ''}>{session.page && path(session.page)}</td>
                  <td>{[session.browser, session.os].filter(Boolean).join(' · ')}</td>
                  <td class="num">{duration(session.last - session.first)}</td>
                  <td class="num">{count(session.items)}</td>
                  <td class={`num ${session.errors ? 'fail' : 'dim'}`}>{count(session.errors)}</td>
                  <td class="num" title={date(session.last)}>{ago(session.last)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data?.length === limit && limit < 1_000 && <p class="more"><button type="button" onClick={() => setLimit(Math.min(1_000, limit + STEP))}>More</button></p>}
    </>
  );
}
