// The module survives being text: every byte, frequent or rare.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { build } from 'esbuild';
import { pack } from '../pack.mjs';

const { outputFiles: [file] } = await build({
  entryPoints: [fileURLToPath(new URL('../src/wasm.ts', import.meta.url))],
  bundle: true, write: false, format: 'esm', loader: { '.wasm': 'empty' },
});
const { unpack } = await import(`data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`);

test('bytes come back as they were packed', () => {
  const check = (bytes) => assert.deepEqual(unpack(pack(bytes)), bytes);
  check(new Uint8Array(0));
  check(Uint8Array.from({ length: 256 }, (_, i) => i));
  check(Uint8Array.from({ length: 10_000 }, (_, i) => (i * i * 31) % 256));
  check(Uint8Array.from({ length: 5_000 }, (_, i) => i % 7));
  check(Uint8Array.from({ length: 5_000 }, (_, i) => 200 - (i % 100)));
});

test('the text needs no escaping in a string literal', () => {
  const text = pack(Uint8Array.from({ length: 512 }, (_, i) => i % 256));
  assert.equal(JSON.stringify(text), `"${text}"`);
  assert.match(text, /^[ -~]*$/);
});
