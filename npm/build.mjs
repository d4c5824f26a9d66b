// Builds dist/: index (the agent), the entries around it, each as ESM and CJS, farol.iife.js (script tag) and the types.
// Needs npm/wasm/.

import { execFileSync } from 'node:child_process';
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
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
  // Terser does the rest, and what esbuild names or joins before it only hinders it.
  minifySyntax: true,
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
const INTERNAL = new RegExp(`^(?:${[
  'requestEnd', 'setMeta', 'restored', 'firstContentfulPaint', 'largestContentfulPaint', 'firstInput', 'layoutShift',
  'leaving', 'agent', 'handle', 'header', 'entry', 'self', 'args', 'vital', 'interaction', 'transform', 'load', 'traced',
].join('|')})$`);

/** What they become, the same in every build: a capture of one copy can be started by the agent of another. */
const internal = { props: {} };

/** Files that other entries share at run time: one agent, one set of Faro's names, one boundary. */
const SHARED = { 'src/index.js': 'index', 'src/swap/index.js': 'faro', 'src/react/boundary.js': 'boundary' };

/** Leaves what is shared outside the bundle, where the other entries find it. */
const apart = (extension) => ({
  name: 'shared entries',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      const shared = kind !== 'entry-point' && SHARED[relative(here, resolve(resolveDir, path))];
      return shared ? { path: `./${shared}.${extension}`, external: true } : undefined;
    });
  },
});

/** Short names, the frequent letters of JavaScript first: brotli then finds more of them again than of terser's own choice. */
const LETTERS = 'etnrisoalucdfhpmgvbywxkjzqETNRISOALUCDFHPMGVBYWXKJZQ_$';
const nth_identifier = {
  get(index) {
    let name = LETTERS[index % LETTERS.length];
    const all = LETTERS + '0123456789';
    for (let rest = Math.floor(index / LETTERS.length); rest > 0; rest = Math.floor((rest - 1) / all.length)) {
      name += all[(rest - 1) % all.length];
    }
    return name;
  },
};

/** Bundles one entry; terser takes a fourteenth more off what esbuild leaves. */
async function bundle(entry, format, outfile, around) {
  await build({ ...options, ...around, entryPoints: [entry], format, outfile });
  const file = inHere(outfile);
  const mangle = { nth_identifier, properties: !around && { regex: INTERNAL } };
  const compress = { passes: 3, pure_getters: true, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false };
  const nameCache = around ? undefined : { props: internal };
  const { code } = await minify(await readFile(file, 'utf8'), { module: true, ecma: 2021, mangle, compress, nameCache });

  await writeFile(file, code);
}

/** What stands around the agent: source and name. */
const ENTRIES = [['src/farol.ts', 'farol'], ['src/swap/index.ts', 'faro'], ['src/react/boundary.ts', 'boundary'], ['src/react/index.ts', 'react']];

await bundle('src/index.ts', 'esm', 'dist/index.js');
await bundle('src/index.ts', 'cjs', 'dist/index.cjs');
await bundle('src/script.ts', 'iife', 'dist/farol.iife.js');
for (const [entry, name] of ENTRIES) {
  for (const [format, extension] of [['esm', 'js'], ['cjs', 'cjs']]) {
    await bundle(entry, format, `dist/${name}.${extension}`, { external: ['react'], plugins: [apart(extension)] });
  }
}
// React's server components take it for a part of the page; a minifier would drop the line.
for (const name of ['react.js', 'react.cjs', 'boundary.js', 'boundary.cjs']) {
  await writeFile(join(dist, name), `'use client';\n${await readFile(join(dist, name), 'utf8')}`);
}

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', here], { stdio: 'inherit' });
// `require` needs its own set of declarations, or TypeScript takes the package for ESM only.
for (const name of await readdir(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const text = await readFile(join(dist, name), 'utf8');
  await writeFile(join(dist, name.replace(/\.d\.ts$/, '.d.cts')), text.replace(/(from '[^']+)\.js'/g, "$1.cjs'"));
}
for (const folder of ['.', 'faro', 'react-swap']) await copyFile(inHere('../LICENSE'), inHere(folder, 'LICENSE'));
