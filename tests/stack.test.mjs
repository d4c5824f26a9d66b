// The file that stacks are run with, its addresses apart: a page's errors, events, logs, vitals and spans each arrive where it says.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, startSite } from './harness/browser.mjs';
import { startJaeger } from './harness/jaeger.mjs';
import { startLoki } from './harness/loki.mjs';
import { tempDir, until } from './harness/process.mjs';
import { startPrometheus } from './harness/prometheus.mjs';
import { startReceiver } from './harness/receiver.mjs';

const STACK = readFileSync(new URL('fixtures/faro.yml', import.meta.url), 'utf8');

let loki, jaeger, prometheus, receiver, site, browser;

before(async () => {
  [loki, jaeger, prometheus, site, browser] = await Promise.all([startLoki(), startJaeger(), startPrometheus(), startSite(), launch()]);
  const file = join(tempDir('stack'), 'faro.yml');
  const addresses = [['http://loki:3100', loki.url], ['tempo:4317', jaeger.otlpGrpc], ['http://prometheus:9090', prometheus.url]];
  writeFileSync(file, addresses.reduce((text, [name, address]) => text.replaceAll(name, address), STACK)
    .replace('"http://shop-ui"', `"http://shop-ui", "${site.origin}"`));
  receiver = await startReceiver({ args: ['--config', file] });
}, { timeout: 180_000 });

after(async () => {
  await browser?.close();
  await Promise.all([site, receiver, loki, jaeger, prometheus].map((server) => server?.stop()));
});

const entries = (logql, count = 1) => until(async () => {
  const found = (await loki.query(logql)).flatMap(({ labels, entries: lines }) => lines.map((entry) => ({ labels, ...entry })));
  return found.length >= count && found;
}, { timeoutMs: 20_000, what: `${count} entries of ${logql}` });

test('a visit under the stack file, in every store', { timeout: 120_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(site.add(`<!doctype html><link rel="icon" href="data:,"><h1>shop</h1><script src="/farol.iife.js" data-url="${receiver.collectUrl}"
    data-app-name="shop" data-app-environment="test"></script>`));
  const traceId = await page.evaluate(() => {
    console.warn('running low');
    faro.api.pushEvent('ngrx_action', { action_type: '[Cart] Add' });
    faro.api.pushError(new RangeError('out of stock'));
    const span = faro.api.startActionSpan('checkout');
    span.run(() => fetch('/api/echo?order'));
    span.end();
    return span.ctx.traceId;
  });
  await page.waitForTimeout(500);
  await page.goto('about:blank');
  await page.close();

  const [action] = await entries('{app="shop", kind="event", event_name="ngrx_action"}');
  assert.deepEqual(Object.keys(action.labels).filter((name) => name !== 'service_name').sort(), ['app', 'event_name', 'kind']);
  assert.match(action.line, /event_data_action_type="\[Cart\] Add"/);
  const [error] = await entries('{app="shop", kind="exception"} |= `out of stock`');
  assert.match(error.line, /type=RangeError/);
  const [warning] = await entries('{app="shop", environment="test", kind="log"}');
  assert.match(warning.line, /running low/);
  assert.deepEqual(await loki.query('{kind="measurement"}'), [], 'measurements go to Prometheus alone');

  const spans = await until(async () => {
    const found = await jaeger.trace(traceId);
    return found.length >= 2 && found;
  }, { timeoutMs: 20_000, what: `two spans of trace ${traceId}` });
  const [root, request] = ['checkout', 'GET'].map((name) => spans.find((span) => span.name === name));
  assert.equal(request.parentSpanId, root.spanId);
  assert.equal(root.resource['service.name'], 'shop');

  // A file's run answers probes and scrapes on the ingest port too.
  const answers = await Promise.all(['/health', '/health/ready', '/metrics'].map((path) => fetch(`http://${receiver.listen}${path}`)));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.deepEqual(await answers[0].json(), { status: 'ok' });
  assert.equal((await answers[1].json()).status, 'ready');

  // Sums are told every 15 s, and once more at the end.
  await receiver.stop();
  const vital = async (name) => (await prometheus.query(`${name}{app="shop", environment="test"}`))[0]?.value;
  await until(async () => (await vital('web_vitals_ttfb_milliseconds_count')) === 1, { what: 'the TTFB of the visit in Prometheus' });
  assert.equal(await vital('web_vitals_fcp_milliseconds_count'), 1);
});
