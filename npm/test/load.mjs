// Loads one TypeScript module of src/ with what it imports.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export async function load(name) {
  const { outputFiles: [file] } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))],
    bundle: true, write: false, format: 'esm', target: 'es2020',
  });
  return import(`data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`);
}
