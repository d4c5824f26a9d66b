// The servers the other tests rely on are real: each starts, takes one thing, gives it back, and stops.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startCollector } from './harness/collector.mjs';
import { startJaeger } from './harness/jaeger.mjs';
import { startLoki } from './harness/loki.mjs';
import { freePort, start, tempDir, until } from './harness/process.mjs';
import { startPrometheus } from './harness/prometheus.mjs';

const nowNs = () => BigInt(Date.now()) * 1_000_000n;
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };

test('loki gives back labels, line and structured metadata apart', async (t) => {
  const loki = await startLoki();
  t.after(() => loki.stop());
  const timeNs = nowNs();
  await post(loki.pushUrl, {
    streams: [
      {
        stream: { service_name: 'shop', kind: 'event' },
        values: [[String(timeNs), 'event_name=cart_opened', { session_id: 's1' }]],
      },
    ],
  });

  const streams = await loki.query('{service_name="shop"} | session_id="s1"');
  assert.deepEqual(streams, [
    {
      labels: { service_name: 'shop', kind: 'event' },
      entries: [{ timeNs, line: 'event_name=cart_opened', metadata: { session_id: 's1' } }],
    },
  ]);
  assert.deepEqual(await loki.query('{service_name="nobody"}'), []);
});

test('a killed loki comes back on its port with its data', async (t) => {
  const first = await startLoki();
  t.after(() => first.stop());
  const streams = [{ stream: { service_name: 'shop' }, values: [[String(nowNs()), 'kept']] }];
  await post(first.pushUrl, { streams });
  await first.kill();

  const second = await startLoki({ port: first.port, dir: first.dir });
  t.after(() => second.stop());
  assert.equal(second.pushUrl, first.pushUrl);
  const [stream] = await second.query('{service_name="shop"}');
  assert.equal(stream.entries[0].line, 'kept');
});

test('jaeger gives back a trace by its id', async (t) => {
  const jaeger = await startJaeger();
  t.after(() => jaeger.stop());
  const [traceId, spanId, parentSpanId] = [hex(16), hex(8), hex(8)];
  const span = {
    traceId,
    spanId,
    parentSpanId,
    name: 'GET /cart',
    kind: 3,
    startTimeUnixNano: String(nowNs()),
    endTimeUnixNano: String(nowNs() + 5_000_000n),
    attributes: [{ key: 'http.response.status_code', value: { intValue: '500' } }],
    status: { code: 2, message: 'broken' },
  };
  await post(`${jaeger.otlpHttp}/v1/traces`, {
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'farol' }, spans: [span] }] }],
  });

  const [found, ...more] = await until(async () => {
    const spans = await jaeger.trace(traceId);
    return spans.length > 0 && spans;
  }, { what: 'the trace in jaeger' });
  assert.equal(more.length, 0);
  assert.deepEqual([found.traceId, found.spanId, found.parentSpanId], [traceId, spanId, parentSpanId]);
  assert.deepEqual([found.name, found.kind, found.scope.name], ['GET /cart', 3, 'farol']);
  assert.deepEqual(found.status, { code: 2, message: 'broken' });
  assert.deepEqual(found.attributes, { 'http.response.status_code': 500 });
  assert.equal(found.resource['service.name'], 'shop');
  assert.deepEqual(await jaeger.trace(hex(16)), []);
});

test('prometheus takes OTLP metrics and scrapes', async (t) => {
  const scraped = await startPrometheus();
  t.after(() => scraped.stop());
  const prometheus = await startPrometheus({ scrape: [{ job: 'other', target: new URL(scraped.url).host }] });
  t.after(() => prometheus.stop());
  const point = { asDouble: 42, timeUnixNano: String(nowNs()), attributes: [] };
  await post(prometheus.otlpMetrics, {
    resourceMetrics: [
      { resource, scopeMetrics: [{ metrics: [{ name: 'carts.open', gauge: { dataPoints: [point] } }] }] },
    ],
  });

  const [series] = await prometheus.query('carts_open');
  assert.equal(series.value, 42);
  assert.equal(series.labels.service_name, 'shop');
  await until(async () => (await prometheus.query('up{job="other"} == 1')).length === 1, { what: 'a scrape' });
});

test('the collector writes a Faro payload to its file', async (t) => {
  const collector = await startCollector();
  t.after(() => collector.stop());
  const traceId = hex(16);
  const payload = {
    meta: { app: { name: 'shop', version: '1.0.0' }, session: { id: 's1' } },
    logs: [{ timestamp: new Date().toISOString(), level: 'warn', message: 'cart is empty', context: {} }],
  };
  await post(collector.faroUrl, payload, 202);
  await post(`${collector.otlpHttp}/v1/traces`, {
    resourceSpans: [{ resource, scopeSpans: [{ spans: [{ traceId, spanId: hex(8), name: 'GET /cart', kind: 3 }] }] }],
  });

  const { logs, spans } = await until(() => {
    const received = collector.received();
    return received.logs.length > 0 && received.spans.length > 0 && received;
  }, { what: 'the log record and the span in the files' });
  assert.equal(logs.length, 1);
  assert.match(logs[0].body, /message="cart is empty"/);
  assert.equal(logs[0].resource['service.name'], 'shop');
  assert.deepEqual(spans.map((span) => [span.traceId, span.name]), [[traceId, 'GET /cart']]);
  assert.ok(collector.rssBytes() > 1024 * 1024);
  assert.ok(collector.cpuSeconds() > 0);
});

test('a collector that drops everything still answers', async (t) => {
  const collector = await startCollector({ exporter: 'nop' });
  t.after(() => collector.stop());
  const events = [{ name: 'cart_opened', timestamp: new Date().toISOString() }];
  await post(collector.faroUrl, { meta: {}, events }, 202);
  assert.deepEqual(collector.received(), { logs: [], spans: [] });
});

test('a program that ends early is reported with its last words', async () => {
  const dies = { name: 'dies', command: 'sh', args: ['-c', 'echo no such key >&2; exit 3'], ready: () => false };
  await assert.rejects(start(dies), /dies ended before it was ready \(code 3, signal null\)\nno such key/);
  await assert.rejects(start({ name: 'ghost', command: '/nowhere/ghost' }), /ghost cannot be started/);
  const sleeps = { name: 'sleeps', command: 'sleep', args: ['60'], ready: () => false, timeoutMs: 200 };
  await assert.rejects(start(sleeps), /sleeps was not ready after 200 ms/);
});

test('stop escalates, and takes the whole process group', async () => {
  const dir = tempDir('group');
  const stubborn = await start({
    name: 'stubborn',
    command: 'sh',
    args: ['-c', `trap '' TERM; sleep 60 & echo $!; wait; sleep 60`],
    cwd: dir,
  });
  const childPid = await until(() => Number(stubborn.output().stdout), { what: "the child's id" });
  assert.deepEqual(await stubborn.stop('SIGTERM', 100), { code: null, signal: 'SIGKILL' });
  await until(() => !alive(childPid), { what: 'the grandchild to be gone' });
  assert.notEqual(await freePort(), await freePort());
});

async function post(url, body, status = 200) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.status === status || (status === 200 && response.ok), `${url}: ${response.status} ${text}`);
}

function alive(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')); // a zombie only waits to be reaped
  } catch {
    return false;
  }
}

function hex(bytes) {
  return randomBytes(bytes).toString('hex');
}
