// Vitals as metrics in a real Prometheus, by remote write and by OTLP, through kills.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { startPour } from './harness/pour.mjs';
import { tempDir, until } from './harness/process.mjs';
import { startPrometheus } from './harness/prometheus.mjs';

const hex = (bytes) => randomBytes(bytes).toString('hex');

const vital = (name, value, { app = 'shop', page = '/cart', trace } = {}) => ({
  meta: { app: { name: app, environment: 'test' }, page: { url: `https://shop.example${page}?q=1` }, browser: { name: 'Chrome' } },
  measurements: [{ type: 'web-vitals', values: { [name]: value, delta: value }, timestamp: new Date().toISOString(), ...(trace && { trace }) }],
});

/** The one value of an instant query, once it is `expected`. */
async function reads(prometheus, promql, expected) {
  let found;
  await until(async () => {
    found = await prometheus.query(promql);
    return found.length === 1 && found[0].value === expected;
  }, { what: `${promql} to be ${expected}` }).catch((error) => { throw new Error(JSON.stringify(found), { cause: error }); });
}

test('remote write: quantiles, the share of good pages, and a trace behind a slow one', { timeout: 300_000 }, async (t) => {
  const prometheus = await startPrometheus();
  t.after(() => prometheus.stop());
  const pour = await startPour({ lanes: { 'metrics-write': prometheus.remoteWrite } });
  t.after(() => pour.kill());
  const trace = { trace_id: hex(16), span_id: hex(8) };
  const start = Date.now() - 60_000;
  for (let i = 0; i < 100; i += 1) {
    await pour.put(vital('lcp', i < 80 ? 1200 : 3500, { trace: i === 99 ? trace : undefined }), start + i * 500);
  }
  await pour.put(vital('cls', 0.3), start + 50_000);
  await pour.put({ ...vital('cls', 0), measurements: [{ type: 'checkout', values: { seconds: 7 } }] }, start + 50_000);

  await reads(prometheus, 'web_vitals_lcp_milliseconds_count{app="shop", page="/cart", browser="Chrome", environment="test", instance="farol-0"}', 100);
  await reads(prometheus, 'web_vitals_lcp_milliseconds_sum', 80 * 1200 + 20 * 3500);
  await reads(prometheus, 'web_vitals_lcp_milliseconds_bucket{le="2500"} / ignoring(le) web_vitals_lcp_milliseconds_count', 0.8);
  await reads(prometheus, 'web_vitals_cls_bucket{le="0.25"}', 0);
  await reads(prometheus, 'measurement_sum{type="checkout", name="seconds"}', 7);

  // Half of the 80 in the bucket from 1,000 to 1,500 are under it; the 90th is in the middle of the one from 3,000 to 4,000.
  const quantile = async (q) => (await prometheus.query(`histogram_quantile(${q}, sum by (le) (web_vitals_lcp_milliseconds_bucket))`))[0].value;
  assert.ok(Math.abs((await quantile(0.4)) - 1250) < 1, String(await quantile(0.4)));
  assert.ok(Math.abs((await quantile(0.9)) - 3500) < 1, String(await quantile(0.9)));
  // The zero before the first value makes all of it an increase: nothing is lost to the first sample.
  const [{ value: increase }] = await prometheus.query('sum(increase(web_vitals_lcp_milliseconds_count[5m]))');
  assert.ok(increase >= 99 && increase <= 115, String(increase));

  const exemplars = await prometheus.exemplars('web_vitals_lcp_milliseconds_bucket');
  assert.deepEqual(exemplars.map(({ labels, value }) => ({ labels, value })), [{ labels: trace, value: 3500 }]);
});

test('kill -9 while sums are told: nothing is counted twice, nothing is lost', { timeout: 300_000 }, async (t) => {
  const prometheus = await startPrometheus();
  t.after(() => prometheus.stop());
  const dir = tempDir('metrics-killed');
  let count = 0;
  for (let round = 0; round < 4; round += 1) {
    const pour = await startPour({ dir, lanes: { 'metrics-write': prometheus.remoteWrite } });
    t.after(() => pour.kill());
    // Sums are told every 200 ms meanwhile; the kill falls anywhere between.
    const until = Date.now() + 700 + round * 130;
    while (Date.now() < until) {
      await pour.put(vital('inp', 120));
      count += 1;
    }
    await pour.kill();
  }
  const pour = await startPour({ dir, lanes: { 'metrics-write': prometheus.remoteWrite } });
  const metrics = await pour.end();
  assert.doesNotMatch(metrics, /lane_dropped_items_total\{/);
  assert.ok(count > 100, `only ${count} were put`);
  await reads(prometheus, 'web_vitals_inp_milliseconds_count', count);
  await reads(prometheus, 'web_vitals_inp_milliseconds_bucket{le="150"}', count);
  const [{ value: resets }] = await prometheus.query('resets(web_vitals_inp_milliseconds_count[5m])');
  assert.equal(resets, 0);
});

test('a Prometheus that is killed and comes back has it all', { timeout: 300_000 }, async (t) => {
  const first = await startPrometheus();
  t.after(() => first.stop());
  const pour = await startPour({ lanes: { 'metrics-write': first.remoteWrite } });
  t.after(() => pour.kill());
  for (let i = 0; i < 10; i += 1) await pour.put(vital('fcp', 300));
  await reads(first, 'web_vitals_fcp_milliseconds_count', 10);
  await first.kill();
  for (let i = 0; i < 10; i += 1) await pour.put(vital('fcp', 300));
  const second = await startPrometheus({ port: first.port, dir: first.dir });
  t.after(() => second.stop());
  await until(async () => (await second.query('web_vitals_fcp_milliseconds_count'))[0]?.value === 20,
    { timeoutMs: 40_000, what: 'what was put while it was down' });
});

test('OTLP: the same names and sums', { timeout: 300_000 }, async (t) => {
  const prometheus = await startPrometheus();
  t.after(() => prometheus.stop());
  const pour = await startPour({ lanes: { 'metrics-otlp': prometheus.otlpMetrics } });
  t.after(() => pour.kill());
  for (let i = 0; i < 10; i += 1) await pour.put(vital('ttfb', 700, { trace: { trace_id: hex(16), span_id: hex(8) } }));
  await pour.put({ ...vital('cls', 0.3) });
  const metrics = await pour.end();
  assert.doesNotMatch(metrics, /lane_dropped_items_total\{/);
  await reads(prometheus, 'web_vitals_ttfb_milliseconds_count{job="shop", instance="farol-0", page="/cart", browser="Chrome"}', 10);
  await reads(prometheus, 'web_vitals_ttfb_milliseconds_bucket{le="800"}', 10);
  await reads(prometheus, 'web_vitals_cls_bucket{le="0.25"}', 0);
  assert.ok((await prometheus.exemplars('web_vitals_ttfb_milliseconds_bucket')).length > 0);
});
