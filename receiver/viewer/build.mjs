// Builds the pages into dist/, where the receiver embeds them from: `node build.mjs`.

import { brotliCompressSync, constants } from 'node:zlib';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Brotli bytes of app.js. Over it the build fails: the viewer opens at once, on a phone too. */
const BUDGET = 20_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const first = !existsSync(here('dist/app.js'));
mkdirSync(here('dist'), { recursive: true });

await build({
  entryPoints: { app: here('src/main.tsx') },
  outdir: here('dist'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
});

for (const file of ['index.html', 'icon.svg']) writeFileSync(here(`dist/${file}`), readFileSync(here(`src/${file}`)));

for (const file of ['app.js', 'app.css', 'index.html', 'icon.svg']) {
  const bytes = readFileSync(here(`dist/${file}`));
  const small = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  writeFileSync(here(`dist/${file}.br`), small);
  console.log(`viewer ${file.padEnd(10)} ${bytes.length} B, brotli ${small.length} B`);
  if (file === 'app.js' && small.length > BUDGET) throw new Error(`app.js is over ${BUDGET} B of brotli`);
}

// Cargo watches the files that were embedded, not the folder: files that are new to it need a nudge.
if (first) utimesSync(here('../src/viewer/page.rs'), new Date(), new Date());
