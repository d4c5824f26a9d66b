// The module survives being text, and the text is fit for a script.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { build } from 'esbuild';
import { pack } from '../pack.mjs';

const inPackage = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const module = readFileSync(inPackage('wasm/farol_agent_bg.wasm'));

/** `wasm()` of a script that carries this text. */
async function carrying(text) {
  const { outputFiles: [file] } = await build({
    entryPoints: [inPackage('src/wasm.ts')],
    bundle: true, write: false, format: 'esm', loader: { '.wasm': 'base64' },
    plugins: [{
      name: 'text',
      setup: ({ onLoad }) => void onLoad({ filter: /agent_bg\.wasm$/ }, () => ({ loader: 'text', contents: text })),
    }],
  });
  return (await import(`data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`)).wasm;
}

test('the module comes back as it was packed', async () => {
  const text = pack(module);
  const wasm = await carrying(text);
  assert.deepEqual(Buffer.from(wasm()), module);
  assert.deepEqual(Buffer.from(wasm()), module, 'a second time too');
});

test('the text needs no escaping in a string literal', () => {
  const text = pack(module);
  assert.equal(JSON.stringify(text), `"${text}"`);
  assert.match(text, /^[ -~]*$/);
});

test('every byte has a character of its own', async () => {
  // A module whose data section holds all bytes, rare ones too.
  const every = Array.from({ length: 256 }, (_, i) => i);
  const data = [1, 0, 0x41, 0, 0x0b, 0x80, 2, ...every];
  const bytes = Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1, 10, 1, 0, 11, (data.length & 127) | 128, data.length >> 7, ...data,
  ]);
  assert.ok(WebAssembly.validate(bytes));
  assert.deepEqual((await carrying(pack(bytes)))(), bytes);
});
