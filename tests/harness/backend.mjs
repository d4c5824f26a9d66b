// Where the servers built by `tests/backends/build` are.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../backends/build', import.meta.url));

/** The path of a server's binary; throws when it was not built, for a test never skips. */
export function backend(name) {
  const path = execFileSync(BUILD, ['--path', name], { encoding: 'utf8' }).trim();
  if (!existsSync(path)) throw new Error(`${name} is not built: run make setup`);
  return path;
}

/** The body of a JSON answer; throws, with the server's words, when the status is not 2xx. */
export async function fetchJson(url, options = {}) {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000), ...options });
  const text = await response.text();
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${text.trim()}`);
  return JSON.parse(text);
}
