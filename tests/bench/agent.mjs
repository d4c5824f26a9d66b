// The agent beside the Faro SDK with tracing, on the same page in the same run: bytes, start, and the cost of an event, an error and a fetch.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import { launch } from '../harness/browser.mjs';
import { median, table } from './report.mjs';

const STARTS = 9;
const BLOCKS = 15;
const CALLS = 500;

const INIT = `
  window.start = () => initializeFaro({
    url: 'http://127.0.0.1:9/collect', app: { name: 'bench', version: '1.0.0' },
    instrumentations: [...getWebInstrumentations(), new TracingInstrumentation()],
  });`;
const SOURCES = {
  farol: `import { initializeFaro, getWebInstrumentations, TracingInstrumentation } from 'farol';${INIT}`,
  faro: `import { initializeFaro, getWebInstrumentations } from '@grafana/faro-web-sdk';
         import { TracingInstrumentation } from '@grafana/faro-web-tracing';${INIT}`,
};

async function bundle(contents) {
  const { outputFiles: [file] } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true, write: false, minify: true, format: 'iife', target: 'es2020',
  });
  return file.contents;
}

const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;

const scripts = Object.fromEntries(await Promise.all(Object.entries(SOURCES).map(async ([name, source]) => [name, await bundle(source)])));

// Isolation gives the page a 5 us clock. The stub stands in for the network, for the agents' uploads too.
const page = (script) => `<!doctype html><title>bench</title><script>
  window.bare = () => Promise.resolve(new Response(null, { status: 202 }));
  window.fetch = function fetch() { return window.bare(); };
  window.t0 = performance.now();</script>${script ? `<script src="/${script}.js"></script><script>
  window.start(); window.ready = performance.now() - window.t0;</script>` : ''}`;
const server = createServer((request, response) => {
  const name = request.url.slice(1).replace('.js', '');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
  if (request.url.endsWith('.js')) response.setHeader('content-type', 'text/javascript').end(scripts[name]);
  else response.setHeader('content-type', 'text/html').end(page(name));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await launch();

/** Opens the page in a fresh profile; `visit` gets it once it is loaded. */
async function visit(name, throttle, run) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const session = await context.newCDPSession(tab);
  await session.send('Performance.enable');
  await session.send('Emulation.setCPUThrottlingRate', { rate: throttle });
  await tab.goto(`${origin}/${name}`);
  await tab.waitForTimeout(300);
  const { metrics } = await session.send('Performance.getMetrics');
  const task = metrics.find((metric) => metric.name === 'TaskDuration').value * 1_000;
  const result = await run(tab, task);
  await context.close();
  return result;
}

/** Milliseconds of main thread until the agent is ready, less those of the page without one. */
async function starts(throttle) {
  const tasks = { '': [], farol: [], faro: [] };
  for (let i = 0; i < STARTS; i += 1) for (const name of Object.keys(tasks)) tasks[name].push(await visit(name, throttle, (_, task) => task));
  return Object.fromEntries(['farol', 'faro'].map((name) => [name, median(tasks[name]) - median(tasks[''])]));
}

/** Microseconds of main thread per call, by blocks; for fetch what the wrapper adds to the bare call. */
const calls = (name) => visit(name, 1, (tab) => tab.evaluate(async ({ BLOCKS, CALLS }) => {
  const { api } = window.faro;
  const attributes = { a: 'one', b: 'two', c: 'three', d: 'four', e: 'five' };
  const kinds = {
    event: (i) => api.pushEvent('bench', { ...attributes, i: String(i) }),
    error: (i) => api.pushError(new Error(`bench ${i}`)),
    fetch: (i) => fetch(`/api/${i}`),
    bare: () => window.bare(),
  };
  const times = {};
  for (let block = 0; block < BLOCKS; block += 1) {
    for (const [kind, call] of Object.entries(kinds)) {
      const pending = [];
      const begin = performance.now();
      for (let i = 0; i < CALLS; i += 1) pending.push(call(block * CALLS + i));
      const end = performance.now();
      await Promise.all(pending);
      (times[kind] ??= []).push(((end - begin) * 1_000) / CALLS);
      await new Promise((resolve) => { setTimeout(resolve, 300); });
    }
  }
  return times;
}, { BLOCKS, CALLS }));

const started = await starts(1);
const throttled = await starts(4);
const cost = { farol: await calls('farol'), faro: await calls('faro') };
const us = (name, kind) => median(cost[name][kind]) - (kind === 'fetch' ? median(cost[name].bare) : 0);
const row = (what, farol, faro) => [what, farol, faro, farol / faro];

table('agent beside @grafana/faro-web-sdk 2.12.1 with tracing, medians', [
  ['', 'farol', 'faro', 'ratio'],
  row('bundle, brotli bytes', brotli(scripts.farol), brotli(scripts.faro)),
  row('start, main-thread ms', started.farol, started.faro),
  row('start at 4x throttle, ms', throttled.farol, throttled.faro),
  row('event, us', us('farol', 'event'), us('faro', 'event')),
  row('error, us', us('farol', 'error'), us('faro', 'error')),
  row('fetch wrapper, us', us('farol', 'fetch'), us('faro', 'fetch')),
]);
console.log(`\nscript tag: farol.iife.js ${brotli(readFileSync(new URL('../../npm/dist/farol.iife.js', import.meta.url)))} bytes brotli`);
await browser.close();
server.close();
