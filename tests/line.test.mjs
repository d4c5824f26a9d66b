// The whole line with real parts: a page in Chromium, the receiver, Loki and the trace store, for our agent and for the Faro SDK.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launch } from './harness/browser.mjs';
import { startJaeger } from './harness/jaeger.mjs';
import { startLoki } from './harness/loki.mjs';
import { answers, freePort, start, until } from './harness/process.mjs';
import { post, startReceiver } from './harness/receiver.mjs';

const PAGE_SERVER = fileURLToPath(new URL('../examples/page/server.mjs', import.meta.url));
const FIXTURES = ['faro-sdk-2.10.0.json', 'faro-sdk-2.12.1.json'];

let loki, jaeger, receiver, browser, pageUrl, pageServer;

before(async () => {
  [loki, jaeger, browser] = await Promise.all([startLoki(), startJaeger(), launch()]);
  receiver = await startReceiver({
    env: { LOKI_URL: loki.url, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${jaeger.otlpHttp}/v1/traces`, FAROL_VIEWER: 'on' },
  });
  const port = await freePort();
  pageUrl = `http://127.0.0.1:${port}/`;
  pageServer = await start({
    name: 'page', command: process.execPath, args: [PAGE_SERVER],
    env: { PORT: String(port), COLLECT_URL: receiver.collectUrl }, ready: () => answers(pageUrl),
  });
}, { timeout: 180_000 });

after(async () => {
  await browser?.close();
  await Promise.all([pageServer, receiver, loki, jaeger].map((server) => server?.stop()));
});

/** The entries that a LogQL query finds, once there are at least `count`. */
async function entries(logql, count = 1) {
  return until(async () => {
    const found = (await loki.query(logql)).flatMap(({ labels, entries: lines }) => lines.map((entry) => ({ labels, ...entry })));
    return found.length >= count && found;
  }, { timeoutMs: 20_000, what: `${count} entries of ${logql}` });
}

const field = (line, key) => new RegExp(`(?:^| )${key}=(?:"((?:[^"\\\\]|\\\\.)*)"|(\\S*))`).exec(line)?.slice(1).find((value) => value !== undefined);

test('our agent: page to Loki, trace store and viewer', { timeout: 120_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(pageUrl);
  for (const id of ['products', 'order', 'broken', 'throw', 'reject', 'warn', 'slow']) {
    await page.click(`#${id}`);
    await page.waitForTimeout(150);
  }
  await page.goto('about:blank');
  await page.close();

  const [error] = await entries('{service_name="roastery", kind="exception"} |= `the grinder is not connected`');
  assert.equal(error.labels.level, 'error');
  assert.equal(error.labels.environment, 'demo');
  assert.equal(field(error.line, 'type'), 'TypeError');
  assert.match(field(error.line, 'stacktrace'), /page\.js:\d+:\d+/);
  await entries('{service_name="roastery", kind="exception"} |= `payment was declined`');

  const [order] = await entries('{service_name="roastery", event_name="order_placed"}');
  assert.equal(field(order.line, 'event_data_product'), 'Sidamo');
  assert.ok(order.metadata.session_id, JSON.stringify(order.metadata));
  await entries('{service_name="roastery", event_name="session_start"}');

  const [warning] = await entries('{service_name="roastery", kind="log", level="warn"}');
  assert.match(warning.line, /Yirgacheffe/);

  const measured = await entries('{service_name="roastery", kind="measurement"} |= `web-vitals`', 5);
  const names = new Set(measured.flatMap(({ line }) => ['lcp', 'cls', 'inp', 'fcp', 'ttfb'].filter((name) => field(line, `value_${name}`))));
  assert.deepEqual([...names].sort(), ['cls', 'fcp', 'inp', 'lcp', 'ttfb']);

  const [request] = await entries('{service_name="roastery", event_name="faro.tracing.fetch"} |= `/api/products`');
  const traceId = field(request.line, 'traceID');
  const spans = await until(async () => {
    const found = await jaeger.trace(traceId);
    return found.length >= 2 && found;
  }, { timeoutMs: 20_000, what: `two spans of trace ${traceId}` });
  const client = spans.find(({ resource }) => resource['service.name'] === 'roastery');
  const server = spans.find(({ resource }) => resource['service.name'] === 'roastery-api');
  assert.equal(server.parentSpanId, client.spanId);
  assert.equal(client.name, 'GET');
  assert.equal(client.attributes['http.response.status_code'], 200);
  assert.equal(client.attributes['url.full'], `${pageUrl}api/products`);

  const session = await receiver.api(`sessions/${order.metadata.session_id}`);
  assert.ok(session.timeline.some(({ kind }) => kind === 'exception'), JSON.stringify(session).slice(0, 500));
  const trace = await receiver.api(`traces/${traceId}`);
  assert.equal(trace.spans.length, 2);
});

test('the unmodified Faro SDK with tracing arrives too', { timeout: 120_000 }, async () => {
  const { outputFiles: [script] } = await build({
    stdin: {
      contents: `
        import { initializeFaro, getWebInstrumentations } from '@grafana/faro-web-sdk';
        import { TracingInstrumentation } from '@grafana/faro-web-tracing';
        const faro = initializeFaro({
          url: '${receiver.collectUrl}', app: { name: 'faro-page', version: '2.0.0', environment: 'test' },
          instrumentations: [...getWebInstrumentations(), new TracingInstrumentation()],
        });
        faro.api.pushEvent('faro_event', { who: 'sdk' });
        faro.api.pushError(new RangeError('faro error'));
        faro.api.pushLog(['faro log'], { level: 'warn' });
        faro.api.pushMeasurement({ type: 'faro_measurement', values: { n: 7.5 } });
        window.done = fetch('/api').then((answer) => answer.text());`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true, write: false, format: 'iife', minify: true,
  });
  const server = createServer((request, response) => {
    const files = { '/': ['text/html', '<!doctype html><title>faro</title><script src="/faro.js"></script>'], '/faro.js': ['text/javascript', script.text] };
    const [type, body] = files[request.url] ?? ['text/plain', 'ok'];
    response.writeHead(200, { 'content-type': type }).end(body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.once('listening', resolve); });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(() => window.done);

  const [event] = await entries('{service_name="faro-page", event_name="faro_event"}');
  assert.equal(field(event.line, 'event_data_who'), 'sdk');
  await entries('{service_name="faro-page", kind="exception"} |= `faro error`');
  await entries('{service_name="faro-page", kind="log", level="warn"} |= `faro log`');
  await entries('{service_name="faro-page", kind="measurement"} |= `faro_measurement`');
  const [request] = await entries('{service_name="faro-page", event_name="faro.tracing.fetch"} |= `/api`');
  const [span] = await until(async () => {
    const spans = await jaeger.trace(field(request.line, 'traceID'));
    return spans.length > 0 && spans;
  }, { timeoutMs: 20_000, what: 'the span of the SDK' });
  assert.equal(span.resource['service.name'], 'faro-page');
  assert.equal(span.attributes['http.request.method'], 'GET');
  await page.close();
  server.closeAllConnections();
  server.close();
});

test('every request recorded from the SDK is accepted and reaches Loki', async () => {
  let items = 0;
  for (const name of FIXTURES) {
    const { out } = JSON.parse(await readFile(new URL(`fixtures/${name}`, import.meta.url)));
    for (const { body } of out.filter(({ body }) => body && typeof body === 'object')) {
      const own = { ...body, meta: { ...body.meta, app: { ...body.meta.app, name: `recorded-${name.slice(9, -5)}` } } };
      const answer = await post(receiver.collectUrl, own);
      assert.equal(answer.status, 202, answer.text);
      for (const kind of ['logs', 'events', 'measurements', 'exceptions']) items += body[kind]?.length ?? 0;
    }
  }
  assert.ok(items > 100, `only ${items} recorded items`);
  await entries('{app=~"recorded-.*"}', items);
  assert.equal(await receiver.metric('farol_items_dropped_total'), 0);
});
