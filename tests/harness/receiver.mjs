// The receiver's release binary on free ports, with its data in a temporary folder.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { answers, freePort, start, tempDir } from './process.mjs';

const BINARY = fileURLToPath(new URL('../../target/release/farol', import.meta.url));

/**
 * Starts `farol`. `dir` keeps a data folder across restarts, `port` and `operationsPort` its addresses; `env` are its settings;
 * `prefix` is a command to run it under, such as `taskset -c 0`.
 * `metric(name, labels)` is the sum of the samples whose labels hold all of `labels`; `peakBytes()` the highest resident memory so far.
 */
export async function startReceiver({ dir = tempDir('receiver'), port, operationsPort, env = {}, args = [], prefix = [] } = {}) {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run make build`);
  const listen = `127.0.0.1:${port ?? (await freePort())}`;
  const operations = `127.0.0.1:${operationsPort ?? (await freePort())}`;
  const [command, ...before] = [...prefix, BINARY];
  const server = await start({
    name: 'farol',
    command,
    args: [...before, '--listen', listen, '--operations', operations, '--data-dir', dir, ...args],
    env: { LOG_LEVEL: 'warn', ...env },
    ready: () => answers(`http://${operations}/health/ready`),
  });
  const operationsUrl = `http://${operations}`;

  async function metric(name, labels = {}) {
    const text = await (await fetch(`${operationsUrl}/metrics`)).text();
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    let sum = 0;
    for (const line of text.split('\n')) {
      const [, sample, set = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (sample === name && wanted.every((pair) => set.split(',').includes(pair))) sum += Number(value);
    }
    return sum;
  }

  return {
    ...server,
    dir,
    listen,
    collectUrl: `http://${listen}/collect`,
    operationsUrl,
    metric,
    /** One answer of the viewer's API, as JSON. */
    api: async (path) => (await fetch(`${operationsUrl}/api/${path}`)).json(),
    peakBytes: () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) * 1024,
  };
}

/** Posts one payload, or the body as it is when it is not a plain object; answers with the status and the text. */
export async function post(url, body, { headers = {}, method = 'POST' } = {}) {
  const raw = typeof body === 'string' || ArrayBuffer.isView(body) || body === undefined;
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: raw ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}
