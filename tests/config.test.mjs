// A page on another origin under the `server` part of the file that stacks are run with: what it may send and read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from './harness/browser.mjs';
import { tempDir, until } from './harness/process.mjs';
import { startReceiver } from './harness/receiver.mjs';

const STACK = readFileSync(new URL('fixtures/faro.yml', import.meta.url), 'utf8');
const SERVER = STACK.slice(0, STACK.indexOf('logs:'));
const SCRIPT = readFileSync(fileURLToPath(new URL('../npm/dist/farol.iife.js', import.meta.url)));
/** Origins that the file lists; one of their ports will be free. */
const LISTED = [4200, 5173];

let browser, listed, stranger;

before(async () => {
  browser = await launch();
  listed = await serve(LISTED);
  stranger = await serve([0]);
});
after(async () => {
  await browser?.close();
  for (const site of [listed, stranger]) site?.server.close();
});

/** A site on the first of `ports` that is free, whose one page starts the agent towards `?collect=`. */
async function serve(ports) {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://site');
    if (pathname === '/farol.iife.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(SCRIPT);
    response.writeHead(200, { 'content-type': 'text/html' });
    return response.end(`<!doctype html><link rel="icon" href="data:,"><script src="/farol.iife.js"
      data-url="${searchParams.get('collect')}" data-app-name="shop" data-app-version="1.0.0"></script>`);
  });
  for (const port of ports) {
    server.listen(port, '127.0.0.1');
    const [taken] = await Promise.race([once(server, 'listening'), once(server, 'error')]).catch((error) => [error]);
    if (!taken) return { server, origin: `http://localhost:${server.address().port}` };
  }
  throw new Error(`none of the ports ${ports} is free`);
}

async function startWith(more = '') {
  const file = join(tempDir('config'), 'faro.yml');
  writeFileSync(file, `${SERVER}${more}viewer: {enabled: on}\n`);
  return startReceiver({ args: ['--config', file] });
}

async function openPage(site, receiver) {
  const page = await browser.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(`${site.origin}/?collect=${encodeURIComponent(receiver.collectUrl)}`);
  return { page, complaints };
}

/** One request of the page's own, as `{status, retryAfter}`, or the name of the error when the browser forbids it. */
const post = (page, url, headers) => page.evaluate(async ([to, own]) => {
  try {
    const response = await fetch(to, { method: 'POST', headers: { 'content-type': 'application/json', ...own }, body: '{}' });
    return { status: response.status, retryAfter: response.headers.get('retry-after') };
  } catch (error) {
    return error.name;
  }
}, [url, headers]);

test('the agent on a listed origin gets through, with every header of the protocol', { timeout: 60_000 }, async () => {
  const receiver = await startWith();
  try {
    const { page, complaints } = await openPage(listed, receiver);
    await page.evaluate(() => globalThis.Farol.faro.api.pushEvent('order_placed', { items: '3' }));
    await page.goto('about:blank');
    await until(async () => (await receiver.metric('farol_app_items_accepted_total', { app: 'shop', kind: 'event' })) >= 1, { what: 'the event' });
    assert.equal(await receiver.metric('farol_requests_refused_total'), 0);
    assert.deepEqual(complaints.filter((text) => /CORS/.test(text)), []);

    const { page: other } = await openPage(listed, receiver);
    const all = {
      'content-encoding': 'identity', 'idempotency-key': 'k', 'x-api-key': 'k', 'x-faro-session-id': 's', 'x-scope-orgid': 't',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=b',
    };
    assert.deepEqual(await post(other, receiver.collectUrl, all), { status: 202, retryAfter: null });
    assert.equal(await post(other, receiver.collectUrl, { 'x-own': '1' }), 'TypeError', 'a header that nobody allowed');
  } finally {
    await receiver.stop();
  }
});

test('a page elsewhere reads no answer', { timeout: 60_000 }, async () => {
  const receiver = await startWith();
  try {
    const { page } = await openPage(stranger, receiver);
    assert.equal(await post(page, receiver.collectUrl, {}), 'TypeError');
  } finally {
    await receiver.stop();
  }
});

test('a page that posts too often reads how long to wait', { timeout: 60_000 }, async () => {
  const receiver = await startWith('  apps: [{name: shop, key: k-shop, rate_limiting: {rate: 0.1, burst_size: 1}}]\n');
  try {
    const { page } = await openPage(listed, receiver);
    const answers = [];
    for (let n = 0; n < 3; n += 1) answers.push(await post(page, `${receiver.collectUrl}/k-shop`, {}));
    assert.deepEqual(answers[0], { status: 202, retryAfter: null });
    for (const answer of answers.slice(1)) assert.deepEqual(answer, { status: 429, retryAfter: '10' });
  } finally {
    await receiver.stop();
  }
});
