// Bad input: each gets its status and one line of reason, memory stays bounded, and the next good payload is taken.
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { after, before, test } from 'node:test';
import { createGzip, gzipSync } from 'node:zlib';
import { post, startReceiver } from './harness/receiver.mjs';

const MEMORY_CAP = 100 * 1024 * 1024;
const GOOD = { meta: { app: { name: 'hostile' } }, events: [{ name: 'good', timestamp: new Date().toISOString() }] };

let receiver;
before(async () => { receiver = await startReceiver({ args: ['--api-key', 'secret'] }); });
after(async () => { await receiver.stop(); });

/** `mebibytes` of zeros as gzip, made as a stream so that the test itself stays small. */
async function zeros(mebibytes) {
  const gzip = createGzip({ level: 9 });
  const chunks = [];
  gzip.on('data', (chunk) => chunks.push(chunk));
  const block = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < mebibytes; i += 1) if (!gzip.write(block)) await new Promise((resolve) => { gzip.once('drain', resolve); });
  await new Promise((resolve) => { gzip.end(resolve); });
  return Buffer.concat(chunks);
}

const key = { 'x-api-key': 'secret' };
const gzip = { ...key, 'content-encoding': 'gzip' };
const CASES = [
  ['broken JSON', 400, () => [`{"meta":`, key]],
  ['a list for a payload', 400, () => ['[]', key]],
  ['wrong types', 400, () => ['{"meta":5,"logs":{}}', key]],
  ['an empty body', 400, () => ['', key]],
  ['100,000 levels deep', 400, () => ['['.repeat(100_000), key]],
  ['100,000 levels deep inside an item', 400, () => [`{"logs":[{"message":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`, key]],
  ['invalid UTF-8', 400, () => [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), key]],
  ['a gzip bomb of 1 GiB', 413, async () => [await zeros(1024), gzip]],
  ['a million tiny events in a small gzip', 413, () => [gzipSync(`{"events":[${'{},'.repeat(999_999)}{}]}`, { level: 9 }), gzip]],
  ['a body of 50 MB', 413, () => [Buffer.alloc(50_000_000, 0x20), key]],
  ['a corrupt gzip', 400, () => [Buffer.concat([gzipSync('{}').subarray(0, 12), Buffer.alloc(9, 7)]), gzip]],
  ['an unknown encoding', 415, () => ['{}', { ...key, 'content-encoding': 'lzw' }]],
  ['a wrong method', 405, () => [undefined, key, 'GET']],
  ['no key', 401, () => ['{}', {}]],
  ['a wrong key', 401, () => ['{}', { 'x-api-key': 'guess' }]],
];

/** A server may answer and close before it has read all; then the client sees a reset instead, which is as good a refusal. */
async function send([body, headers, method]) {
  return post(receiver.collectUrl, body, { headers, method }).catch((error) => {
    const codes = ['EPIPE', 'ECONNRESET', 'UND_ERR_SOCKET'];
    if (codes.includes(error.cause?.code)) return { status: 'cut', text: '' };
    throw error;
  });
}

for (const [name, status, make] of CASES) {
  test(`${name} is answered ${status}`, { timeout: 60_000 }, async () => {
    const answer = await send(await make());
    if (answer.status !== 'cut' || status !== 413) {
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, /^[^\n]{5,300}\n?$/, 'the reason is not one line');
    }
    assert.equal((await post(receiver.collectUrl, GOOD, { headers: key })).status, 202, 'the next good payload was refused');
    assert.ok(receiver.peakBytes() < MEMORY_CAP, `${receiver.peakBytes()} bytes of memory`);
  });
}

test('twenty bombs at once stay under the memory cap', { timeout: 60_000 }, async () => {
  const bombs = [await zeros(256), gzipSync(`{"events":[${'{},'.repeat(999_999)}{}]}`), gzipSync(`{"logs":[${'{"context":{"a":"b"}},'.repeat(200_000)}{}]}`)];
  const answers = await Promise.all(Array.from({ length: 21 }, (_, i) => send([bombs[i % 3], gzip])));
  for (const answer of answers) assert.ok([413, 503, 'cut'].includes(answer.status), `${answer.status} ${answer.text}`);
  assert.ok(receiver.peakBytes() < MEMORY_CAP, `${receiver.peakBytes()} bytes of memory`);
  assert.equal((await post(receiver.collectUrl, GOOD, { headers: key })).status, 202);
});

test('a body over the limit that declares no length is cut off', async () => {
  const answer = await new Promise((resolve, reject) => {
    const [host, port] = receiver.listen.split(':');
    const socket = createConnection(Number(port), host);
    let text = '';
    socket.on('data', (chunk) => { text += chunk; });
    socket.on('close', () => resolve(text));
    socket.on('error', (error) => (text || ['EPIPE', 'ECONNRESET'].includes(error.code) ? resolve(text) : reject(error)));
    socket.write(`POST /collect HTTP/1.1\r\nhost: ${receiver.listen}\r\nx-api-key: secret\r\ntransfer-encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const pour = (left) => {
      if (left === 0 || socket.destroyed) return socket.end();
      return socket.write(chunk, () => pour(left - 1));
    };
    pour(400);
  });
  assert.ok(answer === '' || answer.startsWith('HTTP/1.1 413'), answer.slice(0, 200));
  assert.ok(receiver.peakBytes() < MEMORY_CAP, `${receiver.peakBytes()} bytes of memory`);
});

test('every refusal was counted with its reason', async () => {
  assert.ok((await receiver.metric('farol_requests_refused_total')) >= CASES.length - 2);
  assert.equal(await receiver.metric('farol_requests_refused_total', { reason: 'key' }), 2);
});
