// An application's folder with packages installed under the names that its package.json gives them, and its bundlers.
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const APPS = join(ROOT, 'tests/apps');

/** Folders of our packages, by name. */
export const PACKAGES = { farol: 'npm', 'farol-faro': 'npm/faro', 'farol-react': 'npm/react-swap' };

/** Packs our packages as they would be published; gives the path of each archive. */
export function pack(folder) {
  return Object.fromEntries(Object.entries(PACKAGES).map(([name, path]) => {
    const text = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: join(ROOT, path), stdio: ['ignore', 'pipe', 'ignore'] });
    return [name, join(folder, JSON.parse(text)[0].filename)];
  }));
}

/** Unpacks an archive as npm does. */
export function unpack(archive, folder) {
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '--strip-components=1', '-C', folder]);
}

/**
 * A folder in which `swapped` ({name in node_modules: package of ours}) are unpacked from their archives, `kept` are
 * copied (`[name, place]`: elsewhere) and `linked` are linked from this repository, as npm would lay them out. `remove()` takes it away.
 */
export function project({ archives, swapped = {}, kept = [], linked = [] }) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'farol-app-')));
  const at = (name) => join(folder, 'node_modules', name);
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  cpSync(APPS, folder, { recursive: true });
  for (const [name, package_] of Object.entries({ farol: 'farol', ...swapped })) {
    unpack(archives[package_], at(name));
  }
  for (const one of kept) {
    const [name, place] = [one].flat();
    cpSync(join(ROOT, 'node_modules', name), at(place ?? name), { recursive: true });
  }
  for (const name of linked) {
    mkdirSync(dirname(at(name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), at(name));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * A registry that knows our packages alone, and npm told to use it: `npm install` in a folder whose package.json is
 * `manifest`, with a package `legacy` beside it. */
export async function npmInstall({ archives, manifest, legacy }) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'farol-npm-')));
  cpSync(APPS, folder, { recursive: true });
  mkdirSync(join(folder, 'legacy'));
  writeFileSync(join(folder, 'legacy/package.json'), JSON.stringify(legacy));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', ...manifest }));
  const server = createServer((request, response) => {
    const name = request.url.slice(1).replace(/\.tgz$/, '');
    if (!archives[name]) return response.writeHead(404).end();
    if (request.url.endsWith('.tgz')) return response.end(readFileSync(archives[name]));
    const described = JSON.parse(readFileSync(join(ROOT, PACKAGES[name], 'package.json'), 'utf8'));
    const dist = { tarball: `http://${request.headers.host}/${name}.tgz` };
    return response.end(JSON.stringify({ name, 'dist-tags': { latest: described.version }, versions: { [described.version]: { ...described, dist } } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const registry = `http://127.0.0.1:${server.address().port}`;
    const options = ['--registry', registry, '--cache', join(folder, '.npm'), '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'];
    await promisify(execFile)('npm', ['install', ...options], { cwd: folder });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const DEFINE = { 'process.env.NODE_ENV': '"production"' };

/** Builds `entry` of a project as each bundler's own documentation has it; gives the script's text. */
export const bundlers = {
  async esbuild(folder, entry) {
    const { outputFiles } = await esbuild.build({
      absWorkingDir: folder, entryPoints: [entry], bundle: true, minify: true, format: 'esm', write: false, define: DEFINE, logLevel: 'error',
    });
    return outputFiles[0].text;
  },
  async rollup(folder, entry) {
    const warnings = [];
    const define = { name: 'define', transform: (code) => ({ code: code.replaceAll('process.env.NODE_ENV', '"production"'), map: null }) };
    const build = await rollup({
      input: join(folder, entry),
      plugins: [nodeResolve({ browser: true }), commonjs(), define],
      onwarn: (warning) => warnings.push(warning),
    });
    const unresolved = warnings.filter(({ code }) => ['UNRESOLVED_IMPORT', 'MISSING_EXPORT'].includes(code));
    if (unresolved.length) throw new Error(unresolved.map(({ message }) => message).join('\n'));
    const { output } = await build.generate({ format: 'es' });
    await build.close();
    return output[0].code;
  },
  async webpack(folder, entry) {
    const compiler = webpack({
      context: folder, entry: `./${entry}`, mode: 'production', target: 'web', performance: false, output: { path: join(folder, 'webpack'), filename: 'app.js' },
    });
    const stats = await new Promise((resolve, reject) => compiler.run((error, result) => (error ? reject(error) : resolve(result))));
    await new Promise((resolve) => compiler.close(resolve));
    const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
    if (errors.length || warnings.length) throw new Error([...errors, ...warnings].map(({ message }) => message).join('\n'));
    return readFileSync(join(folder, 'webpack/app.js'), 'utf8');
  },
  async vite(folder, entry) {
    writeFileSync(join(folder, 'index.html'), `<!doctype html><div id="root"></div><script type="module" src="/${entry}"></script>`);
    const { output } = await vite.build({ root: folder, logLevel: 'error', build: { write: false }, configFile: false });
    return output.find(({ isEntry }) => isEntry).code;
  },
};
