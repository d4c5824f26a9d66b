// Applications written for Faro, built with Farol's packages under Faro's names, in Chromium: nothing is lost, and one agent runs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildAngular } from './harness/angular.mjs';
import { eventually, launch, startCollector, startSite } from './harness/browser.mjs';
import { bundlers, npmInstall, pack, PACKAGES, project } from './harness/project.mjs';

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
<body><div id="root"></div><app-root></app-root>${tags.join('\n')}</body></html>`));
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
  const { headers } = site.seen.at(-1);
  await eventually(() => collector.spans().find(({ traceId, spanId }) => headers.traceparent === `00-${traceId}-${spanId}-01`), 'the span of the request');
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

test('an Angular application, built by the Angular CLI, reports what its error handler gets', async () => {
  const page = await open(buildAngular(archives));
  await page.click('#buy');
  const exception = await reported('angular', 'sold out');
  assert.deepEqual([exception.type, exception.context.by], ['TypeError', 'angular']);
  assert.equal(await page.textContent('#buy'), '1');
});

test('npm installs what the guide writes, with one copy of the agent, also under packages that ask for another Faro', async () => {
  const guide = readFileSync(join(ROOT, 'docs/migrate-from-faro.md'), 'utf8');
  const [direct, overrides] = [...guide.matchAll(/```json\n([^`]*)```/g)].map(([, text]) => JSON.parse(text));
  const legacy = { name: 'legacy', version: '1.0.0', dependencies: { '@grafana/faro-web-sdk': '^1.0.0', '@grafana/faro-core': '^1.0.0' } };
  const made = await npmInstall({ archives, legacy, manifest: { ...direct, ...overrides, dependencies: { ...direct.dependencies, legacy: 'file:legacy' } } });
  projects.push(made);
  const { packages } = JSON.parse(readFileSync(join(made.folder, 'package-lock.json'), 'utf8'));
  const farols = Object.entries(packages).filter(([path, { name }]) => /farol/.test(name ?? path)).map(([path, { name }]) => `${path} ${name ?? ''}`);
  assert.deepEqual(farols.filter((line) => /\/farol $/.test(line)), ['node_modules/farol ']);
  assert.ok(farols.includes('node_modules/@grafana/faro-web-sdk farol-faro') && farols.includes('node_modules/@grafana/faro-core farol-faro'), farols.join('\n'));
  await open(await bundlers.esbuild(made.folder, 'shop.js'));
  await reported('shop', 'from the shop');
});

describe('a React application whose package.json alone was changed', () => {
  let folder;
  before(() => {
    folder = application({ swapped: { ...WEB, '@grafana/faro-react': 'farol-react' }, linked: REACT });
  });
  const { rollup: plain, ...others } = bundlers;
  for (const [name, build] of Object.entries(others)) {
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

test('a data router of React Router tells its routes by their patterns', async () => {
  const folder = application({ swapped: { ...WEB, '@grafana/faro-react': 'farol-react' }, linked: REACT });
  writeFileSync(join(folder, 'data.js'), `import { createReactRouterV7DataOptions, initializeFaro, ReactIntegration, withFaroRouterInstrumentation } from '@grafana/faro-react';
    import { createBrowserRouter, matchRoutes } from 'react-router';
    initializeFaro({ url: window.COLLECTOR, app: { name: 'data' }, instrumentations: [new ReactIntegration({ router: createReactRouterV7DataOptions({ matchRoutes }) })] });
    const routes = [{ path: '*', children: [] }, { path: '/orders', children: [{ path: ':id', children: [{ path: 'items/:item' }] }] }];
    window.router = withFaroRouterInstrumentation(createBrowserRouter(routes));`);
  const page = await open(await bundlers.esbuild(folder, 'data.js'));
  await page.evaluate(async () => {
    await window.router.navigate('/orders/1/items/2');
    await window.router.navigate('/orders/1', { replace: true });
    await window.router.navigate('/orders/3/items/4');
  });
  const changes = () => collector.items('events').filter(named('route_change')).map(({ attributes }) => [attributes.fromRoute, attributes.toRoute]);
  await eventually(() => changes().length === 3, 'three changes');
  assert.deepEqual(changes(), [[undefined, '/*'], ['/*', '/orders/:id/items/:item'], ['/orders/:id', '/orders/:id/items/:item']]);
});

describe('one agent in the page', () => {
  /** The real React package of Faro, with or without the real SDK that it would bring along. */
  const REAL = ['@grafana/faro-react', 'hoist-non-react-statics', 'react-is'];
  const SDK = ['@grafana/faro-web-sdk', '@grafana/faro-core', 'web-vitals', 'ua-parser-js'];

  test('where one bundle holds the package twice, as modules and as CommonJS', async () => {
    const folder = application({ swapped: { ...WEB, '@grafana/faro-react': 'farol-react' }, linked: REACT });
    writeFileSync(join(folder, 'late.cjs'), `const { faro, initializeFaro } = require('@grafana/faro-react');
      faro.api.pushEvent('early', {});
      exports.go = () => {
        faro.api.pushEvent('started', { by: 'late' });
        window.same = initializeFaro({ url: window.COLLECTOR, app: { name: 'second' } }) === window.faro;
        faro.api.pushEvent('later', {});
      };`);
    writeFileSync(join(folder, 'twice.js'), `import late from './late.cjs';\nimport './shop.js';\nlate.go();`);
    const code = await bundlers.esbuild(folder, 'twice.js');
    assert.equal(code.split('telemetry.sdk.name').length - 1, 2, 'two copies of the agent are in the bundle');
    const page = await open(code);
    await reported('shop', 'from the shop');
    await arrive('events', named('later'));
    assert.equal(collector.items('events').filter(named('started')).length, 2);
    assert.equal(await page.evaluate(() => window.same), true);
    assert.equal(site.seen.filter(({ url }) => url === '/api/echo').at(-1).headers.traceparent.split('-').length, 4);
    assert.equal(collector.spans().length, 1);
  });

  test('where two applications and a script tag meet', async () => {
    const folder = application({ swapped: WEB });
    const code = await bundlers.esbuild(folder, 'shop.js');
    const tag = `<script src="/farol.iife.js" data-url="${collector.url}" data-app-name="tag"></script>`;
    await open(tag, code, code.replace('from the shop', 'from the second'));
    await reported('shop', 'from the shop');
    await arrive('exceptions', ({ value }) => value === 'from the second');
    await eventually(() => collector.spans().length === 2, 'two spans');
    assert.deepEqual([...new Set(collector.requests.map(({ body }) => body.meta.app.name))], ['tag']);
    assert.equal(collector.items('exceptions').length, 2);
  });

  for (const [what, brings] of [['finds the swapped SDK', []], ['brings the real SDK along', SDK]]) {
    test(`where Faro's own React package ${what}`, async () => {
      const nested = brings.map((name) => [name, `@grafana/faro-react/node_modules/${name}`]);
      const folder = application({ swapped: WEB, kept: [...REAL, ...nested], linked: REACT });
      const page = await open(await bundlers.esbuild(folder, 'mixed.js'));
      await page.waitForSelector('#fallback');
      const exception = await reported('mixed', 'no such room');
      assert.equal(exception.type, 'React ErrorBoundary RangeError');
      assert.deepEqual(collector.items('exceptions').filter(({ value }) => value === 'no such room').length, 1);
    });
  }
});

describe('what only Faro has', () => {
  let folder, count = 0;
  before(() => {
    folder = application({ swapped: WEB });
  });

  /** Opens a page that runs \`body\` with everything of the swap in scope. */
  async function run(body) {
    const entry = `case-${count++}.js`;
    writeFileSync(join(folder, entry), `import * as F from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';
const url = window.COLLECTOR, app = { name: 'case' };
class Kept extends F.BaseTransport {
  name = 'kept'; version = '1'; items = [];
  constructor(batched = false) { super(); this.batched = batched; }
  isBatched() { return this.batched; }
  send(items) { this.items.push(...[items].flat()); (this.calls ??= []).push([items].flat().length); }
}
window.out = {};
${body}`);
    const page = await open(await bundlers.esbuild(folder, entry));
    return Object.assign(page, { out: (expression) => page.evaluate(expression) });
  }

  test('custom transports get every item, beside the agent\'s own way or instead of it', async () => {
    const page = await run(`
      const kept = (window.kept = new Kept()), batched = (window.batched = new Kept(true));
      F.initializeFaro({ app, transports: [new F.FetchTransport({ url }), kept, batched], batching: { itemLimit: 3 } });
      for (const name of ['a', 'b', 'c']) F.faro.api.pushEvent(name, { n: name });
      F.faro.api.pushMeasurement({ type: 'm', values: { x: 1 } });
      F.faro.transports.remove(kept);
      F.faro.api.pushEvent('after', {});`);
    await arrive('events', named('after'));
    const { kept, batches } = await eventually(() => page.evaluate(() => window.batched.items.some(({ payload }) => payload.name === 'after') && ({
      kept: window.kept.items.map(({ type, payload, meta }) => [type, payload.name ?? payload.type, meta.app.name]), batches: window.batched.calls })), 'the last batch');
    assert.deepEqual(kept, [['event', 'session_start', 'case'], ['event', 'a', 'case'], ['event', 'b', 'case'], ['event', 'c', 'case'], ['measurement', 'm', 'case']]);
    assert.ok(batches.includes(3), `a batch is full with three items: ${batches}`);
    assert.deepEqual(collector.items('events').map(({ name }) => name).filter((name) => /^[abc]$/.test(name)), ['a', 'b', 'c']);
  });

  test('a FetchTransport with headers of its own sends them, and the agent does not send twice', async () => {
    await run(`F.initializeFaro({ app, transports: [new F.FetchTransport({ url, apiKey: 'k', requestOptions: { headers: { 'x-own': async () => 'mine' } } })],
      instrumentations: [...F.getWebInstrumentations(), new TracingInstrumentation()] });
      F.faro.api.pushEvent('one', {});`);
    await arrive('events', named('one'));
    assert.deepEqual([...new Set(collector.requests.map(({ headers }) => `${headers['x-own']} ${headers['x-api-key']}`))], ['mine k']);
    assert.equal(collector.items('events').filter(named('one')).length, 1);
    assert.equal(collector.spans().length, 0, 'uploads are not observed');
  });

  test('what a hook takes out of the meta does not leave the page', async () => {
    const page = await run(`history.replaceState(null, '', '?token=secret');
      F.initializeFaro({ url, app, beforeSend: (item) => {
        if (item.payload.name === 'dropped') return null;
        if (item.payload.name !== 'plain') item.meta.page.url = item.meta.page.url.split('?')[0];
        return item;
      } });
      for (const name of ['dropped', 'scrubbed']) F.faro.api.pushEvent(name, {});`);
    await arrive('events', named('scrubbed'));
    assert.ok(!JSON.stringify(collector.requests.map(({ body }) => body)).includes('secret'));
    await page.evaluate(() => window.faro.api.pushEvent('plain', {}));
    await arrive('events', named('plain'));
    assert.equal(collector.items('events').filter(named('dropped')).length, 0);
    assert.ok(collector.requests.some(({ body }) => body.meta.page.url.includes('secret')));
  });

  test('metas are added, asked and taken away', async () => {
    const page = await run(`let step = 0;
      const device = { device: { manufacturer: 'x' } }, user = { user: { id: '7' } };
      F.initializeFaro({ url, app, metas: [{ app: { release: 'r1' }, view: { name: 'start' } }, () => ({ os: { name: 'step ' + step } }), F.browserMeta] });
      F.faro.metas.addListener(() => (window.heard = (window.heard ?? 0) + 1));
      F.faro.api.pushEvent('zero', {});
      step = 1;
      F.faro.metas.add(device, user);
      F.faro.api.pushEvent('one', {});
      F.faro.metas.remove(device, user);
      F.faro.api.pushEvent('two', {});
      window.value = F.faro.metas.value;`);
    const meta = async (name) => {
      await arrive('events', named(name));
      return collector.requests.find(({ body }) => body.events?.some(named(name))).body.meta;
    };
    const [zero, one, two] = [await meta('zero'), await meta('one'), await meta('two')];
    assert.deepEqual([zero.app.release, zero.view.name, zero.os.name, zero.browser.name], ['r1', 'start', 'step 0', 'Chrome Headless']);
    assert.deepEqual([one.os.name, one.device.manufacturer, one.user.id], ['step 1', 'x', '7']);
    assert.deepEqual([two.device, two.user], [undefined, undefined]);
    assert.equal(await page.out('window.value.os.name'), 'step 1');
    assert.ok(await page.out('window.heard') >= 2);
  });

  test('a transport that is no more than a function that sends does not stop the page', async () => {
    const page = await run(`F.initializeFaro({ url, app, transports: [new F.FetchTransport({ url }), { name: 'bare', send: (item) => { (window.bare ??= []).push(item.payload.name); throw new Error('mine'); } }] });
      F.faro.api.pushEvent('bare', {});`);
    await arrive('events', named('bare'));
    assert.deepEqual((await page.out('window.bare')).slice(0, 2), ['session_start', 'bare']);
    assert.deepEqual(page.failures, []);
  });

  test('instrumentations of one\'s own are given what Faro gives, and are taken away in any order', async () => {
    const page = await run(`class Own extends F.BaseInstrumentation {
        constructor(name) { super(); this.name = name; this.version = '1'; }
        initialize() { this.api.pushEvent('up', { name: this.name, app: this.config.app.name, session: this.metas.value.session.id }); }
        destroy() { this.api.pushEvent('down', { name: this.name }); }
      }
      const first = new Own('first'), second = new Own('second');
      F.initializeFaro({ url, app, instrumentations: [first, second, new Own('first')] });
      window.before = F.faro.instrumentations.instrumentations.map(({ name }) => name);
      F.faro.instrumentations.remove(first);
      window.after = F.faro.instrumentations.instrumentations.map(({ name }) => name);`);
    await arrive('events', named('down'));
    const up = collector.items('events').filter(named('up')).map(({ attributes }) => attributes);
    assert.deepEqual(up.map(({ name, app }) => [name, app]), [['first', 'case'], ['second', 'case']]);
    assert.ok(up[0].session);
    assert.deepEqual([await page.out('window.before'), await page.out('window.after')], [['first', 'second'], ['second']]);
  });

  test('session options: sampler, ids of one\'s own, changes told, a service name', async () => {
    const page = await run(`window.told = [];
      F.initializeFaro({ url, app, sessionTracking: { sampler: ({ metas }) => (metas.app.name === 'case' ? 1 : 0), generateSessionId: () => 'my-own-id',
        onSessionChange: (before, now) => window.told.push([before?.id ?? null, now.id]) } });
      F.faro.api.setView({ name: 'cart' }, { overrides: { serviceName: 'cart-service' } });
      F.faro.api.resetSession();`);
    const renamed = await arrive('events', named('service_name_override'));
    assert.deepEqual(renamed.attributes, { serviceName: 'cart-service', previousServiceName: 'case' });
    const told = await page.out('window.told');
    assert.deepEqual(told[0], [null, 'my-own-id']);
    assert.notEqual(told.at(-1)[1], 'my-own-id');
    assert.equal(collector.requests[0].body.meta.session.id, 'my-own-id');
  });

  test('spans of one\'s own are sent as they are', async () => {
    await run(`F.initializeFaro({ url, app, user: { id: '9' } });
      F.faro.api.pushTraces({ resourceSpans: [{ scopeSpans: [{ scope: { name: 'own' }, spans: [{ name: 'mine', traceId: 'a', spanId: 'b' }] }] }] });`);
    await eventually(() => collector.spans().some(({ name }) => name === 'mine'), 'the span');
    assert.equal(collector.requests.find(({ body }) => body.traces).body.meta.user.id, '9');
  });

  test('what is added too late to be given items is said', async () => {
    const page = await run('F.initializeFaro({ url, app });');
    const logged = [];
    page.on('console', (message) => logged.push(message.text()));
    await page.evaluate(() => window.faro.transports.addBeforeSendHooks((item) => item));
    await eventually(() => logged.some((text) => text.includes('needs `transports` or `beforeSend`')), 'the message');
  });

  test('a parser of one\'s own reads the stacks of pushed and of uncaught errors', async () => {
    await run(`F.initializeFaro({ url, app });
      F.faro.api.changeStacktraceParser((error) => ({ frames: [{ filename: 'own.js', function: error.message, lineno: 1, colno: 1 }] }));
      F.faro.api.pushError(new Error('pushed'));
      setTimeout(() => { throw new Error('thrown'); });`);
    for (const value of ['pushed', 'thrown']) {
      const { stacktrace } = await arrive('exceptions', (exception) => exception.value === value);
      assert.deepEqual(stacktrace.frames.map(({ filename, function: name }) => [filename, name]), [['own.js', value]]);
    }
  });

  test('console levels, as older code writes them', async () => {
    await run(`F.initializeFaro({ url, app, instrumentations: F.getWebInstrumentations({ captureConsoleDisabledLevels: [] }) });
      console.debug('quiet'); console.trace('steps'); console.log('plain');`);
    for (const message of ['quiet', 'steps', 'plain']) await arrive('logs', (log) => log.message === message);
  });

  test('timings of the load and of requests, and refusals of a policy', async () => {
    const page = await run(`F.initializeFaro({ url, app, trackResources: true });`);
    await page.evaluate(() => fetch('/api/echo').then((answer) => answer.text()));
    const load = (await arrive('events', named('faro.performance.navigation'))).attributes;
    assert.deepEqual([load.type, load.faroPreviousNavigationId, load.tlsNegotiationTime], ['navigate', 'unknown', '0']);
    assert.ok(Number(load.pageLoadTime) > 0);
    const request = (await arrive('events', ({ name, attributes }) => name === 'faro.performance.resource' && attributes.initiatorType === 'fetch')).attributes;
    assert.match(request.name, /\/api\/echo$/);
    assert.deepEqual([request.responseStatus, request.faroNavigationId], ['200', load.faroNavigationId]);
    assert.ok(!collector.items('events').some(({ attributes }) => attributes?.name === collector.url), 'uploads are left out');
    await page.evaluate(() => {
      const policy = Object.assign(document.createElement('meta'), { httpEquiv: 'Content-Security-Policy', content: "img-src 'none'" });
      document.head.append(policy);
      document.body.append(Object.assign(new Image(), { src: '/api/echo.png' }));
    });
    assert.equal((await arrive('events', named('securitypolicyviolation'))).attributes.effectiveDirective, 'img-src');
  });

  test('the OpenTelemetry API that an application lends lends its active span', async () => {
    const page = await run(`F.initializeFaro({ url, app });
      const none = F.faro.api.getTraceContext();
      window.__TRACE_CONTEXT__ = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
      const driven = F.faro.api.getTraceContext();
      const span = { spanContext: () => ({ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 }) };
      F.faro.api.initOTEL({ getSpan: () => span }, { active: () => ({}) });
      window.out = { none, driven, lent: F.faro.api.getTraceContext(), has: F.faro.api.isOTELInitialized() };`);
    const { none, driven, lent, has } = await page.out('window.out');
    assert.equal(none, undefined);
    assert.deepEqual(driven, { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16), traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
    assert.deepEqual([lent.traceparent, has], [`00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`, true]);
  });

  test('an isolated instance is the page\'s own, under its own name; shutdown takes all names away', async () => {
    const page = await run(`const first = F.initializeFaro({ url, app });
      const second = F.initializeFaro({ url, app: { name: 'other' }, isolate: true, globalObjectKey: 'otherFaro' });
      window.out = { same: first === second && window.otherFaro === first && window.faro === first && F.faro === first && F.getInternalFaroFromGlobalObject() === first };
      F.faro.pause(); F.faro.api.pushEvent('paused', {}); window.out.paused = F.faro.transports.isPaused(); F.faro.unpause();
      F.faro.api.pushEvent('last', {});
      F.faro.shutdown();
      window.out.gone = !('faro' in window) && !F.isInternalFaroOnGlobalObject();`);
    assert.deepEqual(await page.out('window.out'), { same: true, paused: true, gone: true });
    await arrive('events', named('last'));
    assert.equal(collector.items('events').filter(named('paused')).length, 0);
  });
});

test('on a server everything can be imported, called and rendered, and does nothing', async () => {
  const { initializeFaro, faro, getWebInstrumentations, FaroErrorBoundary, ReactIntegration } = await import('farol-react');
  const { createElement } = await import('react');
  const { renderToString } = await import('react-dom/server');
  const instance = initializeFaro({ url: 'https://collector.example.com/collect', app: { name: 'server' }, instrumentations: [...getWebInstrumentations(), new ReactIntegration()] });
  faro.api.pushEvent('nothing', {});
  instance.transports.pause();
  instance.api.setView({ name: 'x' }, { overrides: { serviceName: 'y' } });
  assert.equal(instance.api.getTraceContext(), undefined);
  assert.equal(renderToString(createElement(FaroErrorBoundary, null, createElement('p', null, 'served'))), '<p>served</p>');
  assert.ok(!('_faroInternal' in globalThis) && !('faro' in globalThis));
});

test('code from Faro\'s documentation compiles in strict mode against Faro and against the swap', () => {
  for (const config of ['tsconfig.json', 'tsconfig.swap.json']) {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'tests/compat', config)], { stdio: 'pipe', encoding: 'utf8' });
  }
});

test('every runtime name of Faro\'s packages is there, but for those that the README names', async () => {
  const readme = readFileSync(join(ROOT, 'npm/README.md'), 'utf8');
  const ours = { 'farol-faro': await import('farol-faro'), 'farol-react': await import('farol-react') };
  for (const [theirs, swap] of [['@grafana/faro-web-sdk', 'farol-faro'], ['@grafana/faro-core', 'farol-faro'], ['@grafana/faro-web-tracing', 'farol-faro'], ['@grafana/faro-react', 'farol-react']]) {
    const types = readFileSync(join(ROOT, 'node_modules', theirs, 'dist/types/index.d.ts'), 'utf8');
    const [, list] = /export \{([^}]*)\};\s*$/.exec(types);
    const names = list.split(',').map((name) => name.trim()).filter((name) => !name.startsWith('type ')).map((name) => name.split(' as ').at(-1));
    assert.ok(names.length > 8);
    const missing = names.filter((name) => !(name in ours[swap]));
    assert.deepEqual(missing.filter((name) => !readme.includes(`\`${name}\``)), [], theirs);
  }
});

test('the packages are well formed: publint and attw find nothing', () => {
  for (const [name, path] of Object.entries(PACKAGES)) {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/publint/src/cli.js'), '--strict', join(ROOT, path)], { stdio: 'pipe', encoding: 'utf8' });
    execFileSync(process.execPath, [join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js'), archives[name], '--exclude-entrypoints', './farol.iife.js'], { stdio: 'pipe', encoding: 'utf8' });
  }
});
