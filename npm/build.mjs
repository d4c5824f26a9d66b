// Builds dist/: index.js (ESM), index.cjs, farol.iife.js (script tag) and the types. Needs npm/wasm/.

import { execFileSync } from 'node:child_process';
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';
import { pack } from './pack.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const inHere = (...path) => join(here, ...path);

const { version } = JSON.parse(await readFile(inHere('package.json'), 'utf8'));
if (!(await readFile(inHere('src/version.ts'), 'utf8')).includes(`'${version}'`)) {
  throw new Error(`src/version.ts does not say ${version}, the version in package.json`);
}
await stat(inHere('wasm/farol_agent_bg.wasm')).catch(() => {
  throw new Error('npm/wasm is missing: run `cargo run -p xtask -- wasm` first');
});

await rm(dist, { recursive: true, force: true });
const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: 'es2021',
  platform: 'browser',
  plugins: [{
    name: 'packed wasm',
    setup: ({ onLoad }) => {
      // Decoded by src/wasm.ts when the agent starts: importing the package does nothing.
      onLoad({ filter: /unpack\.wasm$/ }, ({ path }) => ({ loader: 'base64', contents: readFileSync(path) }));
      onLoad({ filter: /agent_bg\.wasm$/ }, ({ path }) => ({ loader: 'text', contents: pack(readFileSync(path)) }));
    },
  }],
  legalComments: 'none',
  logLevel: 'warning',
};

/** Names of the border between script and agent, which nobody outside the bundle sees. */
const INTERNAL = /^(?:requestEnd|activeTrace|setMeta|restored|firstContentfulPaint|largestContentfulPaint|firstInput|layoutShift|leaving)$/;

/** Bundles one entry; terser takes a fourteenth more off what esbuild leaves. */
async function bundle(entry, format, outfile) {
  await build({ ...options, entryPoints: [entry], format, outfile });
  const file = inHere(outfile);
  const mangle = { properties: { regex: INTERNAL } };
  const compress = { passes: 3, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false };
  const { code } = await minify(await readFile(file, 'utf8'), { module: true, ecma: 2021, mangle, compress });
  await writeFile(file, code);
}
await Promise.all([
  bundle('src/index.ts', 'esm', 'dist/index.js'),
  bundle('src/index.ts', 'cjs', 'dist/index.cjs'),
  bundle('src/script.ts', 'iife', 'dist/farol.iife.js'),
]);

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', here], { stdio: 'inherit' });
// `require` needs its own set of declarations, or TypeScript takes the package for ESM only.
for (const name of await readdir(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const text = await readFile(join(dist, name), 'utf8');
  await writeFile(join(dist, name.replace(/\.d\.ts$/, '.d.cts')), text.replace(/(from '[^']+)\.js'/g, "$1.cjs'"));
}
await copyFile(inHere('../LICENSE'), inHere('LICENSE'));
