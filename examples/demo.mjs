// `make demo`: the receiver with its viewer and the example page. With --drive a browser visits the page, and what arrived is
// read back from the receiver and printed; the end is non-zero when a station lost something. Everything started here is stopped.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { launch } from '../tests/harness/browser.mjs';
import { answers, freePort, start, until } from '../tests/harness/process.mjs';
import { startReceiver } from '../tests/harness/receiver.mjs';

const { values: { drive } } = parseArgs({ options: { drive: { type: 'boolean', default: false } } });
const BUTTONS = ['products', 'order', 'broken', 'throw', 'reject', 'warn', 'slow'];

// By hand the well-known addresses; driven, free ones, so that nothing running is in the way.
const ports = drive ? {} : { port: 12347, operationsPort: 12348 };
const receiver = await startReceiver({ ...ports, env: { FAROL_VIEWER: 'on' } });
const pagePort = drive ? await freePort() : 8080;
const pageUrl = `http://127.0.0.1:${pagePort}/`;
const page = await start({
  name: 'page', command: process.execPath, args: [fileURLToPath(new URL('page/server.mjs', import.meta.url))],
  env: { PORT: String(pagePort), COLLECT_URL: receiver.collectUrl }, ready: () => answers(pageUrl),
});
console.log(`page      ${pageUrl}\nviewer    ${receiver.operationsUrl}/\ncollect   ${receiver.collectUrl}\nmetrics   ${receiver.operationsUrl}/metrics`);

/** Visits the page as a person would and leaves it. */
async function visit() {
  const browser = await launch();
  const tab = await browser.newPage();
  await tab.goto(pageUrl);
  for (const id of BUTTONS) {
    await tab.click(`#${id}`);
    await tab.waitForTimeout(200);
  }
  await tab.goto('about:blank');
  await browser.close();
}

/** One line a span, children under their parents. */
function tree(spans, parent = null, depth = 0) {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = spans.filter(({ parentId }) => (known.has(parentId) ? parentId : null) === parent);
  return children.flatMap((span) => [
    `${'  '.repeat(depth + 1)}${span.service}  ${span.name}  ${span.duration.toFixed(1)} ms`,
    ...tree(spans, span.spanId, depth + 1),
  ]);
}

/** Reads back what arrived; every expectation that fails is a line in `lost`. */
async function report() {
  const lost = [];
  const expect = (what, holds) => { if (!holds) lost.push(what); };
  const arrived = async (what, probe) => until(probe, { timeoutMs: 20_000, what }).catch(() => { lost.push(what); return undefined; });

  const session = await arrived('the session', async () => (await receiver.api('sessions?app=roastery')).find(({ errors }) => errors >= 2));
  const request = await arrived('the request with its server span', async () => {
    const [span] = await receiver.api('items?kind=span&app=roastery&q=/api/products');
    const trace = span && (await receiver.api(`traces/${span.traceId}`));
    return trace?.spans.length >= 2 && trace;
  });
  const metrics = await arrived('the five web vitals', async () => {
    const found = (await receiver.api('vitals')).filter(({ app }) => app === 'roastery');
    return found.length >= 5 && found;
  });
  const errors = await receiver.api('errors?app=roastery');
  for (const message of ['the grinder is not connected', 'payment was declined']) {
    expect(`the error "${message}"`, errors.some(({ sample }) => sample.message.includes(message)));
  }
  expect('the event order_placed', (await receiver.api('items?kind=event&q=order_placed')).length > 0);
  expect('the console warning', (await receiver.api('items?kind=log&q=stock')).length > 0);
  const [refused, dropped, undelivered] = await Promise.all([
    receiver.metric('farol_requests_refused_total'), receiver.metric('farol_items_dropped_total'), receiver.metric('farol_lane_dropped_items_total'),
  ]);
  expect(`${refused} refused requests, ${dropped} items dropped at the door, ${undelivered} in a lane`, refused + dropped + undelivered === 0);

  if (session) console.log(`\nsession   ${session.id}: ${session.items} items, ${session.errors} errors, ${session.spans} spans, ${session.browser}`);
  for (const { count, sample } of errors) console.log(`error     ${count} x ${sample.name}: ${sample.message}`);
  for (const { metric, p75, rating } of metrics ?? []) console.log(`vital     ${metric.toUpperCase().padEnd(5)}${Number(p75.toFixed(3))} (${rating})`);
  if (request) console.log(`trace     ${request.traceId}\n${tree(request.spans).join('\n')}`);
  return lost;
}

async function stop() {
  await page.stop();
  const { code } = await receiver.stop();
  return code === 0 ? [] : [`the receiver ended with ${code}`];
}

if (drive) {
  await visit();
  const lost = [...(await report()), ...(await stop())];
  console.log(lost.length === 0 ? '\nall of it arrived' : `\nlost:\n${lost.map((line) => `  ${line}`).join('\n')}`);
  process.exitCode = lost.length === 0 ? 0 : 1;
} else {
  console.log('\nCtrl-C ends it.');
  await Promise.race([receiver.exited, page.exited]);
}
