// Payloads per CPU-second and resident memory on a typical batch: the receiver with its lanes delivering, a handler that only parses
// into a JSON value, and the OpenTelemetry Collector's faro receiver. Process CPU time, so the sender's own cost does not count.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCollector } from '../harness/collector.mjs';
import { freePort, start, until } from '../harness/process.mjs';
import { startReceiver } from '../harness/receiver.mjs';
import { median, table } from './report.mjs';

const ROUNDS = 5;
const SECONDS = 4;
const CONNECTIONS = 16;
const TYPICAL_BYTES = 17_000;
const REFERENCE = fileURLToPath(new URL('../../target/release/examples/value_reference', import.meta.url));

/** The Collector answers 500 to a whole payload for one id that is not hexadecimal; some recordings have such on purpose. */
const plainIds = ({ trace }) => !trace || (/^[0-9a-f]{32}$/.test(trace.trace_id) && /^[0-9a-f]{16}$/.test(trace.span_id));

/** A batch of about 17 KB put together from items that the real SDK sent. */
function typicalBatch() {
  const { out } = JSON.parse(readFileSync(new URL('../fixtures/faro-sdk-2.12.1.json', import.meta.url)));
  const bodies = out.map(({ body }) => body).filter((body) => body?.meta);
  const batch = { meta: bodies[0].meta, logs: [], events: [], measurements: [], exceptions: [], traces: bodies.find((b) => b.traces).traces };
  for (let i = 0; ; i += 1) {
    for (const kind of ['logs', 'events', 'measurements', 'exceptions']) {
      const items = bodies.flatMap((body) => body[kind] ?? []).filter(plainIds);
      batch[kind].push(items[i % items.length]);
      if (JSON.stringify(batch).length >= TYPICAL_BYTES) return Buffer.from(JSON.stringify(batch));
    }
  }
}

/** A backend that takes everything and keeps nothing. */
async function nullBackend() {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.writeHead(incoming.url.includes('loki') ? 204 : 200).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

function send(agent, url, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': body.length } },
      (response) => { response.resume().on('end', () => resolve(response.statusCode)); });
    outgoing.on('error', reject).end(body);
  });
}

/** Sends for some seconds on kept connections; counts the 202s. */
async function load(url, body) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const end = Date.now() + SECONDS * 1_000;
  let accepted = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (Date.now() < end) {
      const status = await send(agent, url, body);
      if (status !== 202) throw new Error(`${url} answered ${status}`);
      accepted += 1;
    }
  }));
  agent.destroy();
  return accepted;
}

async function measure(server, url, body, drained = async () => {}) {
  const before = server.cpuSeconds();
  const accepted = await load(url, body);
  await drained();
  return { rate: accepted / (server.cpuSeconds() - before), rss: server.rssBytes() / 1e6 };
}

const body = typicalBatch();
const backend = await nullBackend();
const results = { farol: [], value: [], collector: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  const farol = await startReceiver({ env: { LOKI_URL: backend.url, OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, LOG_LEVEL: 'error' } });
  const drained = () => until(async () => (await farol.metric('farol_lane_lag_records')) === 0, { timeoutMs: 60_000, what: 'the lanes to drain' });
  results.farol.push(await measure(farol, farol.collectUrl, body, drained));
  await farol.stop();

  const port = await freePort();
  const value = await start({ name: 'value reference', command: REFERENCE, args: [`127.0.0.1:${port}`],
    ready: () => send(undefined, `http://127.0.0.1:${port}/collect`, Buffer.from('{}')).then((status) => status === 202) });
  results.value.push(await measure(value, `http://127.0.0.1:${port}/collect`, body));
  await value.stop();

  const collector = await startCollector({ exporter: 'nop' });
  results.collector.push(await measure(collector, collector.faroUrl, body, () => sleep(500)));
  await collector.stop();
}
backend.stop();

const summary = Object.fromEntries(Object.entries(results).map(([name, rounds]) => [name, {
  rate: median(rounds.map(({ rate }) => rate)), rss: median(rounds.map(({ rss }) => rss)),
}]));
table(`receiver, ${body.length} byte batch, median of ${ROUNDS} rounds of ${SECONDS} s`, [
  ['', 'payloads per CPU-second', 'resident MB', 'rate beside farol'],
  ['farol, Loki and OTLP lanes delivering', summary.farol.rate, summary.farol.rss, '1'],
  ['axum into serde_json::Value, 202', summary.value.rate, summary.value.rss, summary.value.rate / summary.farol.rate],
  ['collector, faro receiver to nop', summary.collector.rate, summary.collector.rss, summary.collector.rate / summary.farol.rate],
]);
