// Chromium, two loopback origins that serve pages, and a collector that can be told how to answer.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const SCRIPT = fileURLToPath(new URL('../../npm/dist/farol.iife.js', import.meta.url));
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': '*, content-type, x-api-key, x-faro-session-id, idempotency-key, content-encoding, traceparent, x-own',
  'access-control-allow-methods': '*',
  'access-control-expose-headers': 'retry-after, x-faro-session-status',
};

/** Headless Chromium, as installed by the system. */
export function launch() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-quic', '--disable-background-networking'],
  });
}

async function listening(handler) {
  const server = createServer(async (request, response) => {
    try {
      await handler(request, response);
    } catch (error) {
      // A page that goes cuts its requests; nobody waits for the answer then.
      if (error.code !== 'ECONNRESET') throw error;
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * Two origins with the same routes. `add(html, headers)` gives the URL of a new page on the first;
 * `seen` lists the requests to /api/ as `{method, url, headers}`; `cancelled` counts streams that the page gave up.
 */
export async function startSite() {
  const pages = new Map();
  const script = await readFile(SCRIPT);
  const site = { seen: [], cancelled: 0 };
  const handler = async (request, response) => {
    const { pathname } = new URL(request.url, 'http://site');
    if (request.method === 'OPTIONS') return response.writeHead(204, CORS).end();
    if (pathname === '/farol.iife.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    if (pages.has(pathname)) {
      const { html, headers } = pages.get(pathname);
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(html);
    }
    if (!pathname.startsWith('/api/')) return response.writeHead(404).end();
    site.seen.push({ method: request.method, url: request.url, host: request.headers.host, headers: request.headers });
    const [, , what, number] = pathname.split('/');
    if (what === 'cut') return request.socket.destroy();
    if (what === 'hang') return undefined;
    if (what === 'stream') {
      response.writeHead(200, { ...CORS, 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 20);
      response.on('close', () => {
        clearInterval(timer);
        site.cancelled += 1;
      });
      return undefined;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    response.writeHead(what === 'status' ? Number(number) : 200, { ...CORS, 'content-type': 'application/json' });
    return response.end(JSON.stringify({ method: request.method, own: request.headers['x-own'] ?? null, referer: request.headers.referer ?? null, body }));
  };
  const [first, second] = await Promise.all([listening(handler), listening(handler)]);
  return Object.assign(site, {
    origin: first.origin,
    cross: second.origin,
    add(html, headers = {}) {
      const path = `/page-${pages.size}`;
      pages.set(path, { html, headers });
      return first.origin + path;
    },
    stop: () => Promise.all([first.stop(), second.stop()]),
  });
}

/**
 * A collector on an origin of its own. `answer` is `{status, headers}` or 'hang', and may change at any time;
 * `requests` holds what came as `{at, headers, bytes, body}`; `items(kind)` the items of those that were accepted.
 */
export async function startCollector() {
  const collector = { requests: [], answer: { status: 202 } };
  const server = await listening(async (request, response) => {
    if (request.method === 'OPTIONS') return response.writeHead(204, CORS).end();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const { answer } = collector;
    const body = JSON.parse(request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent);
    const entry = { at: Date.now(), headers: request.headers, status: answer.status ?? 0, bytes: sent.length, body };
    collector.requests.push(entry);
    if (answer === 'hang') return undefined;
    return response.writeHead(answer.status, { ...CORS, ...answer.headers }).end();
  });
  return Object.assign(collector, {
    url: `${server.origin}/collect`,
    stop: server.stop,
    accepted: () => collector.requests.filter(({ status }) => status === 202),
    items: (kind) => collector.accepted().flatMap(({ body }) => body[kind] ?? []),
    spans: () => collector.accepted().flatMap(({ body }) => body.traces?.resourceSpans ?? [])
      .flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans),
  });
}

/** What `probe` returns, once that is truthy; fails with `what` when it is not in time. */
export async function eventually(probe, what, timeoutMs = 10_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
