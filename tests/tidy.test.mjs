// The import rules that ARCHITECTURE.md states, held against the sources.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Files below a folder with one of the endings, as paths from the root; what is built or installed is left out. */
function files(folder, ...endings) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (['node_modules', 'dist', 'wasm', 'target'].includes(entry.name)) return [];
    if (entry.isDirectory()) return files(path, ...endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}

/** The code of a file: no comments, and for Rust nothing from its tests on. */
function code(path) {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const shipped = path.endsWith('.rs') ? text.split(/^#\[cfg\(test\)\]\s*(?:mod|pub mod) /m)[0] : text;
  return shipped.replace(/^\s*\/\/.*$/gm, '');
}

/** Asserts that no file of the room names what is forbidden there. */
function forbid(room, pattern, why, { except = [] } = {}) {
  const guilty = room.filter((path) => !except.some((allowed) => path.startsWith(allowed)))
    .flatMap((path) => code(path).split('\n').filter((line) => pattern.test(line)).map((line) => `${path}: ${line.trim()}`));
  assert.deepEqual(guilty, [], why);
}

test('wire depends on serde alone', () => {
  const manifest = readFileSync(join(ROOT, 'wire/Cargo.toml'), 'utf8');
  const [, dependencies] = /\[dependencies\]\n([\s\S]*?)\n\[/.exec(manifest);
  const names = dependencies.split('\n').filter(Boolean).map((line) => line.split(' ')[0]);
  assert.deepEqual(names, ['serde']);
});

test('the pure half of the agent knows no browser', () => {
  const host = ['agent/src/browser/', 'agent/src/lib.rs', 'agent/src/guard.rs', 'agent/src/agent.rs', 'agent/src/outbox.rs'];
  forbid(files('agent/src', '.rs'), /\b(web_sys|js_sys|gloo_timers|wasm_bindgen|serde_wasm_bindgen)\b|crate::browser/,
    'only browser/, the door and the exported surface touch the page', { except: host });
  forbid(files('agent/src/browser', '.rs'), /crate::(signal|vitals|trace|dedupe|stack)\b/, 'browser imports no signal');
});

test('web-sys and gloo-timers are named in agent/src/browser alone', () => {
  forbid(files('agent/src', '.rs'), /\b(web_sys|gloo_timers)\b/, 'the page is reached through browser/', { except: ['agent/src/browser/'] });
});

test('the rooms of the receiver import downwards', () => {
  const room = (name) => files(`receiver/src/${name}`, '.rs');
  const crates = (...names) => new RegExp(`crate::(${names.join('|')})\\b`);
  forbid(room('http'), crates('sink', 'convert', 'lane', 'viewer', 'enrich'), 'http knows ingest and a journal handle');
  forbid(room('ingest'), crates('sink', 'convert', 'lane', 'viewer', 'http', 'enrich', 'app'), 'ingest ends at the journal');
  forbid(room('journal'), /\bwire::|crate::(?!journal\b)/, 'the journal stores bytes and knows no signal');
  forbid(room('sink'), /\bwire::|crate::(http|ingest|journal|viewer|lane|convert)\b/, 'a sink sends bytes');
  forbid(room('convert'), /\btokio\b|\breqwest\b|std::(fs|net|env)|SystemTime|Instant::now|crate::(http|ingest|sink|lane|viewer)\b/,
    'conversion does no IO and knows no clock');
  forbid(room('viewer'), crates('http', 'sink', 'lane', 'app'), 'the viewer is a lane and a router');
  forbid(room('config'), /crate::(sink|http|lanes?|viewer|app|journal|enrich|convert::(?!template))\b/, 'a configuration is what was asked for');
  forbid(['receiver/src/log.rs', 'receiver/src/probe.rs', 'receiver/src/service.rs', 'receiver/src/shutdown.rs'], /crate::/, 'leaves');
  forbid(['receiver/src/telemetry.rs', 'receiver/src/ingest/outcome.rs'], /crate::(?!ingest::outcome\b)/, 'telemetry and outcome are leaves');
});

test('no module has a name that says nothing', () => {
  const names = ['wire/src', 'agent/src', 'receiver/src', 'npm/src', 'receiver/viewer/src', 'tests', 'examples', 'xtask/src']
    .flatMap((folder) => files(folder, '.rs', '.ts', '.tsx', '.mjs', '.js'))
    .filter((path) => /(^|\/)(utils?|common|helpers?|managers?|misc)(\.|\/)/i.test(relative('.', path)));
  assert.deepEqual(names, []);
});

test('npm entries import no tap of another entry, and nothing from npm at run time', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'npm/package.json'), 'utf8'));
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  forbid(files('npm/src', '.ts'), /^import .* from '(?!\.)/, 'the package has no runtime dependency', { except: ['npm/src/react/'] });
  forbid(files('npm/src/react', '.ts'), /^import .* from '(?!\.|react')/, 'farol/react imports React, which its user has');
  forbid(['npm/src/farol.ts', 'npm/src/react/boundary.ts', 'npm/src/react/running.ts'], /^import .* from 'react'/, 'the boundary of the root needs no React to be installed');
  forbid(files('npm/src/swap', '.ts'), /from '\.\.\/(?!index\.js')/, "Faro's names stand on the package's own surface");
  forbid(files('npm/src/react', '.ts'), /^import (?!type).*from '\.\.\/(?!index\.js'|swap\/index\.js')/, 'and so does farol/react');
  const agent = files('npm/src', '.ts').filter((path) => !/npm\/src\/(swap|react|farol\.ts)/.test(path));
  forbid(agent, /from '\.\/(?:swap|react)\//, 'the agent knows none of the entries around it');
  for (const name of ['faro', 'react-swap']) {
    assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(ROOT, 'npm', name, 'package.json'), 'utf8')).dependencies), ['farol']);
  }
  forbid(files('npm/src/taps', '.ts'), /from '\.\.\/(index|script)\.js'/, 'taps know the border, not the entries');
});
