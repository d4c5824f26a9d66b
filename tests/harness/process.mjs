// Child processes, ports, temporary folders and waiting, for tests that run real programs.
//
// Whatever is made here is undone when the test process ends: children are killed by their process group, folders go.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const OUTPUT_CHARS = 64 * 1024; // of each stream, enough for a panic with all its goroutines' heads
const ERROR_TAIL_CHARS = 4 * 1024; // of each stream, what a person reads in a failed test
const TICKS_PER_SECOND = 100; // USER_HZ, fixed on every Linux that Node supports

/**
 * Starts a program in its own process group and waits until `ready()` is true; a probe that throws is not ready yet.
 * Throws, with the tail of what the program wrote, when it cannot be started, ends first, or takes over `timeoutMs`.
 */
export async function start({ name, command, args = [], env = {}, cwd, ready = () => true, timeoutMs = 30_000 }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout = tail(child.stdout);
  const stderr = tail(child.stderr);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const { promise: exited, resolve: onExit } = deferred();
  let gone = null;
  child.once('exit', (code, signal) => {
    gone = { code, signal };
    groups.delete(child.pid);
    onExit(gone);
  });

  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new Error(`${name} cannot be started: ${cause.message}`, { cause });
  }
  groups.add(child.pid);

  const output = () => ({ stdout: stdout(), stderr: stderr() });
  const kill = () => {
    if (!gone) signalGroup(child.pid, 'SIGKILL');
    return exited;
  };
  const stop = async (signal = 'SIGTERM', graceMs = 10_000) => {
    if (!gone) signalGroup(child.pid, signal);
    const patience = new AbortController();
    await Promise.race([exited, sleep(graceMs, null, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    return kill();
  };
  const fail = async (what, cause) => {
    await kill();
    await Promise.race([closed, sleep(500)]); // the last words, unless a grandchild keeps the pipe open
    const said = [stdout(), stderr()].map((text) => text.slice(-ERROR_TAIL_CHARS).trim()).filter(Boolean);
    throw new Error([`${name} ${what}`, ...said].join('\n'), { cause });
  };

  try {
    await until(async () => gone || (await ready()), { timeoutMs, everyMs: 50, what: `${name} to be ready` });
  } catch (cause) {
    await fail(`was not ready after ${timeoutMs} ms`, cause);
  }
  if (gone) await fail(`ended before it was ready (code ${gone.code}, signal ${gone.signal})`);

  return {
    pid: child.pid,
    output,
    stop,
    kill,
    exited,
    /** Resident memory of the process itself, without its children. */
    rssBytes: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(procFile(child.pid, 'status'))[1]) * 1024,
    /** User and system time of the process itself since it started. */
    cpuSeconds: () => {
      const stat = procFile(child.pid, 'stat');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may hold spaces
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
  };
}

/** Keeps this process to one core, for measurements. */
export function pin(core) {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)], { stdio: 'ignore' });
}

/** A port on 127.0.0.1 that nothing listens on, and that was not handed out before. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  if (ports.has(port)) return freePort();
  ports.add(port);
  return port;
}

/** A new empty folder, removed with all it holds when this process exits. */
export function tempDir(name) {
  const dir = mkdtempSync(join(tmpdir(), `farol-${name}-`));
  dirs.add(dir);
  return dir;
}

/**
 * Polls until the probe gives something truthy, and returns that. A probe that throws is asked again.
 * Throws after `timeoutMs`, naming `what` was waited for, with the probe's last error as the cause.
 */
export async function until(probe, { timeoutMs = 10_000, everyMs = 100, what }) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let cause;
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause });
    await sleep(everyMs);
  }
}

/** True when a GET of the address is answered with a 2xx within a second; for use as a `ready` probe. */
export async function answers(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.ok;
}

const groups = new Set();
const dirs = new Set();
const ports = new Set();

process.once('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
});
// Children in groups of their own do not get the terminal's Ctrl-C, and a signal's default skips the 'exit' event.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function tail(stream) {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text = (text + chunk).slice(-OUTPUT_CHARS);
  });
  return () => text;
}

function deferred() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function procFile(pid, file) {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}
