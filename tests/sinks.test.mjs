// Sinks into real stores: OTLP over gRPC into Jaeger (which stands in for Tempo) and the Collector, templates into Loki.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startCollector } from './harness/collector.mjs';
import { startJaeger } from './harness/jaeger.mjs';
import { startLoki } from './harness/loki.mjs';
import { startPour } from './harness/pour.mjs';
import { freePort, until } from './harness/process.mjs';

const hex = (bytes) => randomBytes(bytes).toString('hex');
const nanos = (ms) => String(BigInt(ms) * 1_000_000n);

const spans = (traceId, count) => ({
  meta: { app: { name: 'shop', environment: 'test' }, session: { id: 's1' } },
  traces: {
    resourceSpans: [{
      scopeSpans: [{
        scope: { name: 'fetch' },
        spans: Array.from({ length: count }, () => ({
          traceId, spanId: hex(8), name: 'GET /cart', kind: 3, startTimeUnixNano: nanos(Date.now() - 5), endTimeUnixNano: nanos(Date.now()),
          attributes: [{ key: 'padding', value: { stringValue: 'x'.repeat(2_000) } }],
        })),
      }],
    }],
  },
});

const log = (message, traceId) => ({
  meta: { app: { name: 'shop' }, session: { id: 's1' } },
  logs: [{ message, level: 'warn', timestamp: new Date().toISOString(), trace: { trace_id: traceId, span_id: hex(8) } }],
});

test('spans reach Jaeger over gRPC, whole, in requests of every size', { timeout: 300_000 }, async (t) => {
  const jaeger = await startJaeger();
  t.after(() => jaeger.stop());
  const pour = await startPour({ lanes: { 'traces-grpc': jaeger.otlpGrpc } });
  t.after(() => pour.kill());
  const [small, large] = [hex(16), hex(16)];
  await pour.put(spans(small, 1));
  await pour.put(spans(large, 1_500)); // 3 MB: several requests
  const metrics = await pour.end();
  assert.match(metrics, /farol_lane_delivered_items_total\{lane="traces-grpc"\} 1501\n/);
  assert.doesNotMatch(metrics, /lane_dropped_items_total\{|lane_retries_total\{/);
  const [span] = await jaeger.trace(small);
  assert.equal(span.name, 'GET /cart');
  assert.deepEqual([span.resource['service.name'], span.attributes['session.id']], ['shop', 's1']);
  assert.equal((await jaeger.trace(large)).length, 1_500);
});

test('logs and metrics reach the Collector over gRPC', { timeout: 300_000 }, async (t) => {
  let dir;
  const collector = await startCollector({
    adjust: (config, folder) => {
      dir = folder;
      config.exporters['file/metrics'] = { path: join(dir, 'metrics.jsonl'), flush_interval: '100ms' };
      config.service.pipelines.metrics = { receivers: ['otlp'], processors: [], exporters: ['file/metrics'] };
    },
  });
  t.after(() => collector.stop());
  const traceId = hex(16);
  const pour = await startPour({ lanes: { 'logs-grpc': collector.otlpGrpc, 'metrics-grpc': `http://${collector.otlpGrpc}` } });
  t.after(() => pour.kill());
  await pour.put({ ...log('cart is empty', traceId), measurements: [{ type: 'web-vitals', values: { lcp: 900 } }] });
  const metrics = await pour.end();
  assert.doesNotMatch(metrics, /lane_dropped_items_total\{|lane_retries_total\{/);
  assert.match(metrics, /farol_lane_delivered_items_total\{lane="metrics-grpc"\} 1\n/);
  const { logs } = await until(() => {
    const received = collector.received();
    return received.logs.length === 2 && received;
  }, { what: 'the log record and the measurement in the file' });
  const sums = await until(() => readFileSync(join(dir, 'metrics.jsonl'), 'utf8').split('\n')[0], { what: 'the sums in the file' });
  const [{ resource, scopeMetrics: [{ metrics: [lcp] }] }] = JSON.parse(sums).resourceMetrics;
  assert.ok(resource.attributes.some(({ key, value }) => key === 'service.name' && value.stringValue === 'shop'));
  assert.deepEqual([lcp.name, lcp.unit, lcp.histogram.aggregationTemporality, lcp.histogram.dataPoints[0].count], ['web_vitals.lcp', 'ms', 2, '1']);
  const warning = logs.find(({ body }) => body === 'cart is empty');
  assert.deepEqual([warning.resource['service.name'], warning.traceId], ['shop', traceId]);
});

test('over TLS the Collector is believed by its certificate alone', { timeout: 300_000 }, async (t) => {
  const file = (name) => fileURLToPath(new URL(`fixtures/tls/${name}`, import.meta.url)); // for 127.0.0.1, to 2126
  const collector = await startCollector({
    adjust: (config) => {
      config.receivers.otlp.protocols.grpc.tls = { cert_file: file('cert.pem'), key_file: file('key.pem') };
    },
  });
  t.after(() => collector.stop());
  const lanes = { 'logs-grpc': `https://${collector.otlpGrpc}` };
  const wary = await startPour({ lanes });
  t.after(() => wary.kill());
  await wary.put(log('over tls', hex(16)));
  await sleep(1_500);
  assert.deepEqual(collector.received().logs, []);
  await wary.kill();
  const pour = await startPour({ dir: wary.dir, lanes, env: { POUR_CA: file('cert.pem') } });
  t.after(() => pour.kill());
  assert.match(await pour.end(), /farol_lane_delivered_items_total\{lane="logs-grpc"\} 1\n/);
  await until(() => collector.received().logs.some(({ body }) => body === 'over tls'), { what: 'the log over TLS' });
});

test('a Jaeger that is not there yet gets everything when it is', { timeout: 300_000 }, async (t) => {
  const traceId = hex(16);
  const relay = await startJaeger();
  t.after(() => relay.stop());
  // The endpoint is refused at first: nobody listens on it.
  const port = await freePort();
  const pour = await startPour({ lanes: { 'traces-grpc': `127.0.0.1:${port}` } });
  t.after(() => pour.kill());
  await pour.put(spans(traceId, 3));
  await pour.kill();
  const again = await startPour({ dir: pour.dir, lanes: { 'traces-grpc': relay.otlpGrpc } });
  const metrics = await again.end();
  assert.match(metrics, /farol_lane_delivered_items_total\{lane="traces-grpc"\} 3\n/);
  assert.equal((await relay.trace(traceId)).length, 3);
});

test('a pipeline that is missing is told apart from a payload that is refused', { timeout: 300_000 }, async (t) => {
  const jaeger = await startJaeger(); // takes no logs: the service is not there
  t.after(() => jaeger.stop());
  const pour = await startPour({ lanes: { 'logs-grpc': jaeger.otlpGrpc } });
  t.after(() => pour.kill());
  await pour.put(log('waits', hex(16)));
  await sleep(2_000);
  await pour.kill();
  const collector = await startCollector();
  t.after(() => collector.stop());
  const again = await startPour({ dir: pour.dir, lanes: { 'logs-grpc': collector.otlpGrpc } });
  assert.match(await again.end(), /farol_lane_delivered_items_total\{lane="logs-grpc"\} 1\n/);
  await until(() => collector.received().logs.some(({ body }) => body === 'waits'), { what: 'the log that waited' });
});

test('Loki has the streams that templates ask for, under 100 whatever events are called', { timeout: 300_000 }, async (t) => {
  const loki = await startLoki();
  t.after(() => loki.stop());
  const pour = await startPour({ lanes: { loki: loki.pushUrl } });
  t.after(() => pour.kill());
  const timestamp = new Date().toISOString();
  await pour.put({
    meta: { app: { name: 'shop', environment: 'test' }, session: { id: 's1' } },
    logs: [{ message: 'a line', level: 'warn', timestamp }],
    exceptions: [{ type: 'TypeError', value: 'a fault', timestamp }],
    events: [{ name: 'cart "opened"', timestamp }],
    measurements: [{ type: 'web-vitals', values: { lcp: 900 }, timestamp }],
  });
  await pour.put({ meta: { app: { name: 'flood' } }, events: Array.from({ length: 500 }, (_, i) => ({ name: `event ${i}`, timestamp })) });
  const metrics = await pour.end();
  assert.match(metrics, /farol_lane_other_items_total\{lane="loki"\} 420\n/);
  assert.doesNotMatch(metrics, /lane_dropped_items_total\{|lane_retries_total\{/);
  const own = async (selector) => {
    const [stream, ...more] = await loki.query(selector);
    assert.equal(more.length, 0);
    return { labels: stream.labels, lines: stream.entries.length };
  };
  // Loki adds service_name itself when there is none.
  const labels = ({ service_name, detected_level, ...rest }) => rest;
  const found = await Promise.all(['log', 'exception', 'event'].map((kind) => own(`{app="shop", kind="${kind}"}`)));
  assert.deepEqual(found.map((stream) => labels(stream.labels)), [
    { app: 'shop', environment: 'test', kind: 'log' },
    { app: 'shop', kind: 'exception' },
    { app: 'shop', kind: 'event', event_name: 'cart "opened"' },
  ]);
  assert.deepEqual(await loki.query('{app="shop", kind="measurement"}'), []);
  const flood = await loki.query('{app="flood"}');
  assert.equal(flood.length, 81);
  assert.equal(flood.find((stream) => stream.labels.event_name === 'other').entries.length, 420);
});

test('a line that Loki refuses is found among the dead letters, its neighbours in Loki', { timeout: 300_000 }, async (t) => {
  const loki = await startLoki({ limits: { max_line_size: 2_000 } });
  t.after(() => loki.stop());
  const pour = await startPour({ lanes: { loki: loki.pushUrl } });
  t.after(() => pour.kill());
  const message = `too long ${'x'.repeat(3_000)}`;
  const logs = ['first', 'second', message, 'fourth'].map((text) => ({ message: text, level: 'info', timestamp: new Date().toISOString() }));
  await pour.put({ meta: { app: { name: 'letters' } }, logs });
  const metrics = await pour.end();
  assert.match(metrics, /farol_lane_dropped_items_total\{lane="loki",reason="rejected"\} 1\n/);
  const [{ entries }] = await loki.query('{app="letters"}');
  assert.deepEqual(entries.map(({ line }) => /message=(\w+)/.exec(line)[1]), ['first', 'second', 'fourth']);
  const file = join(pour.dir, 'data', 'letters', 'dead-letters.jsonl');
  const letters = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(letters.length, 1);
  assert.match(letters[0].reason, /^status 400: .*max entry size/i);
  assert.deepEqual([letters[0].lane, letters[0].item.app, letters[0].item.item.message], ['loki', 'letters', message]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});
