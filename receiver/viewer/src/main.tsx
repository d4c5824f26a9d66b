// The frame round every page: name, places, state of the connection.

import './app.css';
import { type Signal, signal } from '@preact/signals';
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Summary, read } from './api.js';
import { bytes, count } from './format.js';
import { connection, listen, start } from './live.js';
import { Errors } from './pages/Errors.js';
import { Live } from './pages/Live.js';
import { ItemPage, TracePage } from './pages/One.js';
import { SessionView } from './pages/Session.js';
import { Sessions } from './pages/Sessions.js';
import { Vitals } from './pages/Vitals.js';
import { Mark } from './parts/bits.js';
import { route, to } from './route.js';

const summary: Signal<Summary | undefined> = signal(undefined);

const PLACES: [page: string, label: string][] = [
  ['live', 'Live'],
  ['sessions', 'Sessions'],
  ['errors', 'Errors'],
  ['vitals', 'Vitals'],
];

/** Which place a page belongs to. */
const PARENT: Record<string, string> = { session: 'sessions', item: 'live', trace: 'sessions' };

function App() {
  const { page } = route.value;
  const place = PARENT[page] ?? page;
  useEffect(() => {
    const label = PLACES.find(([name]) => name === place)?.[1];
    document.title = label ? `${label} · Farol` : 'Farol';
    scrollTo(0, 0);
  }, [page, route.value.id]);
  return (
    <>
      <a class="skip" href={`${location.hash || '#/'}`} onClick={focusMain}>Skip to content</a>
      <header class="top">
        <a class="brand" href={to('live')}><Mark />Farol</a>
        <nav aria-label="Pages">
          {PLACES.map(([name, label]) => (
            <a key={name} href={to(name)} aria-current={place === name ? 'page' : undefined}>
              {label}
              {name === 'errors' && !!summary.value?.kinds.exception && <span class="badge">{count(summary.value.kinds.exception)}</span>}
            </a>
          ))}
        </nav>
        <Connection />
      </header>
      <main id="main" tabIndex={-1}>{content(page)}</main>
    </>
  );
}

function content(page: string) {
  const { id } = route.value;
  switch (page) {
    case 'live': return <Live summary={summary.value} />;
    case 'sessions': return <Sessions summary={summary.value} />;
    case 'session': return <SessionView key={id} id={id} />;
    case 'errors': return <Errors summary={summary.value} />;
    case 'vitals': return <Vitals />;
    case 'trace': return <TracePage key={id} id={id} />;
    case 'item': return <ItemPage key={id} id={id} />;
    default: return <p class="note">There is no such page. <a href={to('live')}>To the live stream</a></p>;
  }
}

function Connection() {
  const known = summary.value;
  const dropped = Object.values(known?.dropped ?? {}).reduce((sum, n) => sum + n, 0);
  const state = connection.value;
  const words = { connecting: 'Connecting', open: 'Live', lost: 'Reconnecting' }[state];
  return (
    <div class="state">
      {known && (
        <span title={`Oldest items leave first: ${count(dropped)} have left so far`}>
          {count(known.items)} items · {bytes(known.bytes)}
        </span>
      )}
      <span class={`link ${state}`} role="status"><i aria-hidden="true" />{words}</span>
    </div>
  );
}

function focusMain(event: Event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function refresh() {
  read<Summary>('/api/summary').then((found) => (summary.value = found), () => {});
}

/** The counts are read again this long after an item came: they need not be exact. Milliseconds. */
const PAUSE = 3_000;
let timer: number | undefined;
listen({
  items: () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      refresh();
    }, summary.value?.items ? PAUSE : 0);
  },
  missed: refresh,
});
refresh();
start();
render(<App />, document.body);
