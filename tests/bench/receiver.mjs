// Payloads per CPU-second and resident memory of the receiver beside a handler that only parses into a JSON value and the
// OpenTelemetry Collector's faro receiver. Each server has one core for itself and the sender the other. Process CPU time, so that
// the sender's own cost does not count. `ROUNDS`, `SECONDS` and `ONLY` (words of cases) make a shorter run.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { startCollector } from '../harness/collector.mjs';
import { freePort, pin, start, until } from '../harness/process.mjs';
import { startReceiver } from '../harness/receiver.mjs';
import { median, table } from './report.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 4);
const ONLY = process.env.ONLY?.split(',');
const CONNECTIONS = 16;
const SERVER_CORE = 0;
const SENDER_CORE = 1;
const REFERENCE = fileURLToPath(new URL('../../target/release/examples/value_reference', import.meta.url));

/** The Collector answers 500 to a whole payload for one id that is not hexadecimal; some recordings have such on purpose. */
const plainIds = ({ trace }) => !trace || (/^[0-9a-f]{32}$/.test(trace.trace_id) && /^[0-9a-f]{16}$/.test(trace.span_id));

function recorded() {
  const { out } = JSON.parse(readFileSync(new URL('../fixtures/faro-sdk-2.12.1.json', import.meta.url)));
  return out.map(({ body }) => body).filter((body) => body?.meta);
}

/** A batch of about 17 KB put together from items that the real SDK sent: what a busy page sends every quarter of a second. */
function typicalBatch(bodies) {
  const batch = { meta: bodies[0].meta, logs: [], events: [], measurements: [], exceptions: [], traces: bodies.find((b) => b.traces).traces };
  for (let i = 0; ; i += 1) {
    for (const kind of ['logs', 'events', 'measurements', 'exceptions']) {
      const items = bodies.flatMap((body) => body[kind] ?? []).filter(plainIds);
      batch[kind].push(items[i % items.length]);
      if (JSON.stringify(batch).length >= 17_000) return Buffer.from(JSON.stringify(batch));
    }
  }
}

/** About 1 KB: one log line of a page that is otherwise quiet. */
function smallBatch(bodies) {
  const logs = bodies.flatMap((body) => body.logs ?? []).filter(plainIds);
  return Buffer.from(JSON.stringify({ meta: bodies[0].meta, logs: [logs[0]] }));
}

/** A backend that takes everything and keeps nothing. */
async function nullBackend() {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.writeHead(incoming.url.includes('loki') ? 204 : 200).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

function send(agent, url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = { 'content-type': 'application/json', 'content-length': body.length, ...headers };
    const outgoing = request(url, { method: 'POST', agent, headers: sent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    outgoing.on('error', reject).end(body);
  });
}

/** Sends for some seconds on kept connections; counts the 202s. */
async function load(url, body, headers) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const end = Date.now() + SECONDS * 1_000;
  let accepted = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (Date.now() < end) {
      const status = await send(agent, url, body, headers);
      if (status !== 202) throw new Error(`${url} answered ${status}`);
      accepted += 1;
    }
  }));
  agent.destroy();
  return accepted;
}

async function measure(server, url, { body, headers }, drained = async () => {}) {
  const before = server.cpuSeconds();
  const accepted = await load(url, body, headers);
  await drained();
  return { rate: accepted / (server.cpuSeconds() - before), rss: server.rssBytes() / 1e6 };
}

const prefix = ['taskset', '-c', String(SERVER_CORE)];

async function farol(load, env) {
  const server = await startReceiver({ prefix, env: { LOG_LEVEL: 'error', ...env }, args: ['--viewer', 'off'] });
  const drained = () => until(async () => (await server.metric('farol_lane_lag_records')) === 0, { timeoutMs: 60_000, what: 'the lanes to drain' });
  const result = await measure(server, server.collectUrl, load, drained);
  await server.stop();
  return result;
}

async function valueReference(load) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/collect`;
  const [command, ...args] = [...prefix, REFERENCE, `127.0.0.1:${port}`];
  const server = await start({ name: 'value reference', command, args, ready: () => send(undefined, url, Buffer.from('{}')).then((status) => status === 202) });
  const result = await measure(server, url, load);
  await server.stop();
  return result;
}

async function collector(load) {
  const server = await startCollector({ exporter: 'nop', prefix });
  const result = await measure(server, server.faroUrl, load, () => sleep(500));
  await server.stop();
  return result;
}

pin(SENDER_CORE);
const bodies = recorded();
const [typical, small] = [typicalBatch(bodies), smallBatch(bodies)];
const gzip = { 'content-encoding': 'gzip' };
const LOADS = {
  typical: { body: typical },
  'typical-gzip': { body: gzipSync(typical), headers: gzip },
  small: { body: small },
  'small-gzip': { body: gzipSync(small), headers: gzip },
};
const backend = await nullBackend();
const sinks = { LOKI_URL: backend.url, OTEL_EXPORTER_OTLP_ENDPOINT: backend.url };
for (const [name, load] of Object.entries(LOADS).filter(([name]) => !ONLY || ONLY.includes(name))) {
  const servers = {
    'farol, Loki and OTLP lanes delivering': () => farol(load, sinks),
    'farol, journal and 202 alone': () => farol(load, {}),
    // The handler and the Collector that only parse do so from plain bodies: the first knows no gzip.
    'axum into serde_json::Value, 202 (plain body)': () => valueReference(name.startsWith('typical') ? LOADS.typical : LOADS.small),
    'collector, faro receiver to nop': () => collector(load),
  };
  const rounds = Object.fromEntries(Object.keys(servers).map((server) => [server, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [server, run] of Object.entries(servers)) rounds[server].push(await run());
  }
  const rates = Object.fromEntries(Object.entries(rounds).map(([server, results]) => [server, median(results.map(({ rate }) => rate))]));
  const [, , value, peer] = Object.keys(servers);
  table(`receiver, ${name}, ${load.body.length} bytes, one core each, median of ${ROUNDS} rounds of ${SECONDS} s`, [
    ['', 'payloads per CPU-second', 'resident MB', 'times the collector', 'times the Value handler'],
    ...Object.entries(rounds).map(([server, results]) => [
      server, rates[server], median(results.map(({ rss }) => rss)), rates[server] / rates[peer], rates[server] / rates[value],
    ]),
  ]);
}
backend.stop();
