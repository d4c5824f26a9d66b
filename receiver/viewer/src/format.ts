// Numbers, times and addresses as people read them.

const two = (n: number) => String(n).padStart(2, '0');

/** `09:41:07.123`, in the reader's zone. */
export function clock(time: number): string {
  const at = new Date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** Date and time, for titles and headers. */
export function date(time: number): string {
  return whole.format(time);
}

/** `just now`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function ago(time: number, now = Date.now()): string {
  const seconds = Math.max(0, (now - time) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds < 3_600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** `850 µs`, `23 ms`, `1.24 s`, `3 min 20 s`, `1 h 5 min`. */
export function duration(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Time since a session's first item: `+0.123`, `+1:02.5`, `+1:00:00`. */
export function since(ms: number): string {
  const sign = ms < 0 ? '−' : '+';
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 60) return sign + seconds.toFixed(3);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
  return `${sign}${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(Math.floor(seconds % 60))}`;
}

/** A vital: CLS has no unit, the others are times. */
export function vital(name: string, value: number): string {
  return name === 'cls' ? value.toFixed(value < 0.1 ? 3 : 2) : duration(value);
}

/** `1,234`, `12.3k`, `1.2M`. */
export function count(n: number): string {
  if (n < 10_000) return n.toLocaleString('en');
  return n < 1_000_000 ? `${(n / 1_000).toFixed(n < 100_000 ? 1 : 0)}k` : `${(n / 1_000_000).toFixed(1)}M`;
}

/** `1 error`, `2 errors`. */
export function plural(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? '' : 's'}`;
}

/** `12.3 MB`. */
export function bytes(n: number): string {
  return n < 1e6 ? `${Math.round(n / 1e3)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/** An address without its origin; what is no address stays as it is. */
export function path(url: string): string {
  const parsed = web(url);
  return parsed ? parsed.pathname + parsed.search + parsed.hash : url;
}

/** What a span's address says that its name does not: servers name a span by its route. */
export function besides({ name, message }: { name: string; message: string }): string {
  const rest = message && path(message);
  return name.endsWith(rest) ? '' : rest;
}

/** The parsed address when a browser may be sent there, else undefined: pages send any text. */
export function web(url: string): URL | undefined {
  try {
    const parsed = new URL(url);
    return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** A value of a pair as text. */
export function text(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(7)));
  return typeof value === 'string' ? value : JSON.stringify(value) ?? String(value);
}
