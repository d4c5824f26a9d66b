// The Angular CLI, installed once for each lock file into the cache, building tests/angular with our packages under Faro's names.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpack } from './project.mjs';

const APP = fileURLToPath(new URL('../angular', import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'farol/angular');
const ENVIRONMENT = { ...process.env, CI: '1', NG_CLI_ANALYTICS: 'false' };

/** The folder of an installed Angular, from the cache or by `npm install`, which unlike `npm ci` bears a registry that has not all platforms' packages yet. */
function installed() {
  const lock = createHash('sha256').update(readFileSync(join(APP, 'package-lock.json'))).digest('hex').slice(0, 16);
  const ready = join(CACHE, lock);
  if (existsSync(ready)) return ready;
  mkdirSync(CACHE, { recursive: true });
  const building = mkdtempSync(join(CACHE, 'building-'));
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(APP, file), join(building, file));
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: building, env: ENVIRONMENT, stdio: 'ignore' });
  renameSync(building, ready);
  return ready;
}

/** Builds the app with `ng build`; gives the text of its script. */
export function buildAngular(archives) {
  const base = installed();
  const folder = mkdtempSync(join(tmpdir(), 'farol-angular-'));
  try {
    cpSync(APP, folder, { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    const names = JSON.parse(readFileSync(join(base, 'node_modules/.package-lock.json'), 'utf8')).packages;
    for (const name of Object.keys(names).map((path) => path.replace(/^node_modules\//, '')).filter((path) => !path.includes('node_modules'))) {
      mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
      if (existsSync(join(base, 'node_modules', name))) symlinkSync(join(base, 'node_modules', name), join(folder, 'node_modules', name));
    }
    for (const [name, package_] of [['farol', 'farol'], ['@grafana/faro-web-sdk', 'farol-faro'], ['@grafana/faro-web-tracing', 'farol-faro']]) {
      unpack(archives[package_], join(folder, 'node_modules', name));
    }
    const ng = join(folder, 'node_modules/@angular/cli/bin/ng.js');
    execFileSync(process.execPath, [ng, 'build'], { cwd: folder, env: ENVIRONMENT, stdio: 'pipe', encoding: 'utf8' });
    return readFileSync(join(folder, 'dist/browser/main.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
