// The module survives being text: every byte, frequent or rare.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pack } from '../pack.mjs';
import { load } from './load.mjs';

const { unpack } = await load('wasm');

test('bytes come back as they were packed', () => {
  const check = (bytes) => assert.deepEqual(unpack(pack(bytes)), bytes);
  check(new Uint8Array(0));
  check(Uint8Array.from({ length: 256 }, (_, i) => i));
  check(Uint8Array.from({ length: 10_000 }, (_, i) => (i * i * 31) % 256));
  check(Uint8Array.from({ length: 5_000 }, (_, i) => i % 7));
});

test('the text needs no escaping in a string literal', () => {
  const text = pack(Uint8Array.from({ length: 512 }, (_, i) => i % 256));
  assert.equal(JSON.stringify(text), `"${text}"`);
  assert.match(text, /^[ -~]*$/);
});
