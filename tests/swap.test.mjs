// Applications written for Faro, built with Farol's packages under Faro's names, in Chromium: nothing is lost, and one agent runs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, launch, startCollector, startSite } from './harness/browser.mjs';
import { bundlers, pack, PACKAGES, project } from './harness/project.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REACT = ['react', 'react-dom', 'scheduler', 'react-router', 'cookie', 'set-cookie-parser'];
const WEB = { '@grafana/faro-web-sdk': 'farol-faro', '@grafana/faro-web-tracing': 'farol-faro' };

let browser, site, collector, context, archives, downloads;
const projects = [];

before(async () => {
  downloads = mkdtempSync(join(tmpdir(), 'farol-packed-'));
  archives = pack(downloads);
  [browser, site] = await Promise.all([launch(), startSite()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
  projects.forEach(({ remove }) => remove());
  rmSync(downloads, { recursive: true, force: true });
});
beforeEach(async () => {
  collector = await startCollector();
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await collector.stop();
});

function application(options) {
  const made = project({ archives, ...options });
  projects.push(made);
  return made.folder;
}

/** Opens a page with these scripts: texts of modules, or tags as they are. */
async function open(...scripts) {
  const tags = scripts.map((script) => (script.startsWith('<') ? script : `<script type="module" src="${site.add(script, { 'content-type': 'text/javascript; charset=utf-8' })}"></script>`));
  const page = await context.newPage();
  const failures = [];
  page.on('pageerror', (error) => failures.push(error.message));
  await page.goto(site.add(`<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"><script>window.COLLECTOR = '${collector.url}';</script></head>
<body><div id="root"></div>${tags.join('\n')}</body></html>`));
  return Object.assign(page, { failures });
}

function arrive(kind, wanted = () => true) {
  return eventually(() => collector.items(kind).find(wanted), `${kind}; there are ${JSON.stringify(collector.requests.map(({ body }) => body)).slice(0, 3_000)}`);
}

const named = (name) => (event) => event.name === name;
const sessions = () => collector.items('events').filter(named('session_start')).length;
const sdks = () => [...new Set(collector.requests.map(({ body }) => body.meta.sdk?.name))];

/** What each application must have reported, and by whom. */
async function reported(by, error) {
  assert.equal((await arrive('events', named('started'))).attributes.by, by);
  const exception = await arrive('exceptions', ({ value }) => value === error);
  const span = await eventually(() => collector.spans().find(({ name }) => name === 'GET'), 'a span');
  const { headers } = site.seen.at(-1);
  assert.equal(headers.traceparent, `00-${span.traceId}-${span.spanId}-01`);
  assert.deepEqual(sdks(), ['farol']);
  assert.equal(sessions(), 1);
  return exception;
}

describe('an application whose package.json alone was changed', () => {
  let folder;
  before(() => {
    folder = application({ swapped: WEB });
  });
  for (const [name, build] of Object.entries(bundlers)) {
    test(`built by ${name} reports an error, an event and a request's span, without React`, async () => {
      const code = await build(folder, 'shop.js');
      assert.ok(!code.includes('componentDidCatch'), 'the error boundary is left out');
      const page = await open(code);
      const exception = await reported('shop', 'from the shop');
      assert.equal(exception.type, 'TypeError');
      assert.ok(exception.stacktrace.frames.length > 0);
      assert.deepEqual(page.failures, ['from the shop']);
    });
  }
});

describe('a React application whose package.json alone was changed', () => {
  let folder;
  before(() => {
    folder = application({ swapped: { ...WEB, '@grafana/faro-react': 'farol-react' }, linked: REACT });
  });
  for (const [name, build] of Object.entries(bundlers)) {
    test(`built by ${name} reports what its boundaries catch, and its routes`, async () => {
      const page = await open(await build(folder, 'chat.js'));
      await page.click('#show');
      await page.waitForSelector('#wrapped');
      await page.click('#fallback');
      await page.waitForSelector('#room');
      await page.click('#go');
      const exception = await reported('chat', 'no such room');
      assert.equal(exception.type, 'React ErrorBoundary RangeError');
      assert.equal(exception.context.where, 'chat');
      assert.match(exception.context.componentStack, /^\s+at /);
      assert.ok(exception.stacktrace.frames.length > 0, 'the frames are the error\'s own');
      const change = await arrive('events', (event) => event.name === 'route_change' && event.attributes.toRoute === '/rooms/:id');
      assert.equal(change.attributes.fromRoute, '/');
      assert.match(change.attributes.toUrl, /\/rooms\/7$/);
    });
  }
});
