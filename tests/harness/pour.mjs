// The example `pour`: payloads into a journal and out through lanes, for tests of sinks alone.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tempDir } from './process.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the example and gives its path. */
function build() {
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'inherit'] };
  const messages = execFileSync('cargo', ['build', '--locked', '--quiet', '--package', 'farol', '--example', 'pour', '--message-format=json'], options);
  const artifacts = messages.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const built = artifacts.find(({ target, executable }) => target?.name === 'pour' && executable);
  if (!built) throw new Error('cargo built no example pour');
  return built.executable;
}

let program;

/**
 * Starts `pour` over the journal in `dir`, with a lane for each of `lanes` (name to address). `put(body, receivedMs)` resolves
 * when the body is durable; `end()` waits until all is delivered and gives the metrics' text; `kill()` is SIGKILL.
 */
export async function startPour({ dir = tempDir('pour'), lanes, env = {} }) {
  program ??= build();
  const args = [join(dir, 'data'), ...Object.entries(lanes).map(([name, address]) => `${name}=${address}`)];
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const waiting = [];
  const rest = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'ok') waiting.shift()?.();
    else rest.push(line);
  });
  const closed = once(child.stdout, 'close');

  return {
    dir,
    pid: child.pid,
    put: (body, receivedMs = Date.now()) => new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${receivedMs} ${JSON.stringify(body)}\n`);
    }),
    end: async () => {
      child.stdin.end();
      const [code] = await exited;
      await closed;
      process.off('exit', killed);
      if (code !== 0) throw new Error(`pour ended with ${code}: ${rest.join('\n')}`);
      return rest.join('\n');
    },
    kill: async () => {
      killed();
      await exited;
      process.off('exit', killed);
    },
  };
}
