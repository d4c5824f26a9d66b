// Delivery is proven by counting: whatever was answered 202 reaches the backend, through kills and outages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, tempDir, until } from './harness/process.mjs';
import { post, startReceiver } from './harness/receiver.mjs';
import { startRecording } from './harness/recording.mjs';

const ITEMS_PER_PAYLOAD = 5;

const numbered = (first) => ({
  meta: { app: { name: 'delivery' }, session: { id: 'kill-test' } },
  logs: Array.from({ length: ITEMS_PER_PAYLOAD }, (_, i) => ({
    message: `numbered-${first + i}-`, level: 'info', timestamp: new Date().toISOString(),
  })),
});

/** Posts numbered payloads from several senders until told to stop; `accepted` holds the numbers that were answered 202. */
function load(receiver, { senders = 16, from = 0 } = {}) {
  const accepted = new Set();
  let next = from;
  let running = true;
  const sender = async () => {
    while (running) {
      const first = next;
      next += ITEMS_PER_PAYLOAD;
      const answer = await post(receiver.collectUrl, numbered(first)).catch(() => undefined);
      if (answer?.status === 202) for (let i = 0; i < ITEMS_PER_PAYLOAD; i += 1) accepted.add(first + i);
      else await sleep(20);
    }
  };
  const done = Promise.all(Array.from({ length: senders }, sender));
  return { accepted, next: () => next, stop: async () => { running = false; await done; } };
}

const missing = (accepted, backend) => [...accepted].filter((number) => !backend.counts.has(number));

async function everyAcceptedArrives(accepted, backend, timeoutMs = 60_000) {
  await until(() => missing(accepted, backend).length === 0, { timeoutMs, what: 'every accepted item to be delivered' })
    .catch((error) => { throw new Error(`${missing(accepted, backend).length} of ${accepted.size} accepted items never arrived`, { cause: error }); });
}

test('kill -9 under load loses nothing that was accepted', async () => {
  const backend = await startRecording();
  const dir = tempDir('killed');
  const accepted = new Set();
  let from = 0;
  for (let round = 0; round < 3; round += 1) {
    const receiver = await startReceiver({ dir, env: { LOKI_URL: backend.url } });
    const run = load(receiver, { from });
    await until(() => run.accepted.size > 2_000, { timeoutMs: 30_000, what: '2,000 accepted items' });
    await receiver.kill();
    await run.stop();
    run.accepted.forEach((number) => accepted.add(number));
    from = run.next();
  }
  const receiver = await startReceiver({ dir, env: { LOKI_URL: backend.url } });
  await everyAcceptedArrives(accepted, backend);
  assert.ok(accepted.size > 6_000, `only ${accepted.size} items were accepted`);
  await receiver.stop();
  await backend.stop();
});

test('a backend that is down for a minute costs nothing but time', { timeout: 180_000 }, async () => {
  const port = await freePort();
  const receiver = await startReceiver({ env: { LOKI_URL: `http://127.0.0.1:${port}` } });
  const run = load(receiver, { senders: 2 });
  const until60 = Date.now() + 60_000;
  await until(() => run.accepted.size > 3_000, { timeoutMs: 60_000, what: '3,000 accepted items while the backend is down' });
  await run.stop();
  await sleep(Math.max(0, until60 - Date.now()));
  assert.ok((await receiver.metric('farol_lane_lag_records', { lane: 'loki' })) > 0, 'the lag is not visible');
  const backend = await startRecording({ port });
  await everyAcceptedArrives(run.accepted, backend);
  await receiver.stop();
  await backend.stop();
});

test('a backend that refuses, stalls and cuts connections gets everything in the end', { timeout: 180_000 }, async () => {
  const backend = await startRecording();
  const receiver = await startReceiver({ env: { LOKI_URL: backend.url } });
  const run = load(receiver, { senders: 4 });
  for (const mode of ['refuse', 'lose', 'accept', 'refuse', 'lose']) {
    backend.mode = mode;
    await sleep(1_000);
  }
  await run.stop();
  backend.mode = 'accept';
  await everyAcceptedArrives(run.accepted, backend);
  await receiver.stop();
  await backend.stop();
});

test('a graceful stop under load answers what it took and loses nothing', async () => {
  const backend = await startRecording();
  const dir = tempDir('stopped');
  const receiver = await startReceiver({ dir, env: { LOKI_URL: backend.url } });
  const run = load(receiver);
  await until(() => run.accepted.size > 1_000, { timeoutMs: 30_000, what: '1,000 accepted items' });
  const { code } = await receiver.stop('SIGTERM', 20_000);
  await run.stop();
  assert.equal(code, 0, JSON.stringify(receiver.output()));
  const again = await startReceiver({ dir, env: { LOKI_URL: backend.url } });
  await everyAcceptedArrives(run.accepted, backend);
  await again.stop();
  await backend.stop();
});

test('a repeated idempotency key is stored once, across a restart too', async () => {
  const backend = await startRecording();
  const dir = tempDir('idempotent');
  const headers = { 'idempotency-key': 'the-same' };
  for (let round = 0; round < 2; round += 1) {
    const receiver = await startReceiver({ dir, env: { LOKI_URL: backend.url } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(receiver.collectUrl, numbered(0), { headers })));
    assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(202));
    await post(receiver.collectUrl, numbered(100 + round));
    await until(() => backend.counts.has(100 + round), { what: 'the later payload' });
    await receiver.stop();
  }
  assert.equal(backend.counts.get(0), 1);
  await backend.stop();
});
