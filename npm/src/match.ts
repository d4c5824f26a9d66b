// Deciding by URL or text: which requests are watched, which may carry a trace, which errors count.

export type Patterns = readonly (string | RegExp)[];

/** The absolute http(s) URL, or undefined for anything else (data:, blob:, unparsable). */
export function absolute(url: string, base: string): URL | undefined {
  try {
    const parsed = new URL(url, base);
    return /^https?:$/.test(parsed.protocol) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** As in Faro: a string must be the whole URL (relative ones are resolved, once), a RegExp must match somewhere. */
export function urlMatcher(patterns: Patterns, base: string): (url: string) => boolean {
  const whole = new Set<string>();
  const parts: RegExp[] = [];
  for (const pattern of patterns) {
    if (typeof pattern === 'string') whole.add(absolute(pattern, base)?.href ?? pattern);
    else parts.push(pattern);
  }
  return (url) => whole.has(url) || parts.some((part) => found(url, part));
}

/** As in Faro: a string must be contained, a RegExp must match somewhere. */
export function textMatches(text: string, patterns: Patterns | undefined): boolean {
  return !!patterns?.some((pattern) =>
    typeof pattern === 'string' ? text.includes(pattern) : found(text, pattern),
  );
}

/** `search` ignores and keeps `lastIndex`, so a global RegExp answers the same each time. */
function found(text: string, pattern: RegExp): boolean {
  return text.search(pattern) >= 0;
}
