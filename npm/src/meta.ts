// What the page says about itself, as JSON members of the parts of the meta and as attributes of the spans' resource.

import type { AgentOptions } from './types.js';
import { VERSION } from './version.js';

/** The parts that are read off the page's objects, and the members that the wire knows of each. */
const MEMBERS = {
  app: ['name', 'namespace', 'release', 'version', 'environment', 'bundleId', 'gitHash', 'installationId'],
  user: ['email', 'id', 'username', 'fullName', 'roles', 'hash', 'attributes'],
  view: ['name'],
  page: ['id', 'url', 'attributes'],
  overrides: ['serviceName', 'geoLocationTrackingEnabled'],
};

/** Marks of a `User-Agent` and the browser behind each, the ones that pretend to be others first. */
const BROWSERS = [
  ['EdgA?', 'Edge'],
  ['OPR', 'Opera'],
  ['SamsungBrowser', 'Samsung Internet'],
  ['(?:Firefox|FxiOS)', 'Firefox'],
  ['HeadlessChrome', 'Chrome Headless'],
  ['(?:Chrome|CriOS)', 'Chrome'],
  ['Version', 'Safari'],
] as const;

/** The same for systems. Since Windows 11 that number is frozen. */
const SYSTEMS = [
  ['Windows NT', 'Windows'],
  ['Android', 'Android'],
  ['(?:iPhone|CPU) OS', 'iOS'],
  ['Mac OS X', 'macOS'],
  ['CrOS \\w+', 'Chrome OS'],
  ['Linux', 'Linux'],
] as const;

/** The JSON of an object without its braces. */
function inner(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}

/** A value as a text, the way Faro writes attributes: objects as JSON, the rest as `String` says. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return (typeof value === 'object' && value && json(value)) || String(value);
  } catch {
    return '';
  }
}

/** JSON of any object: what is seen again is null, as Faro has it. */
function json(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    const seen = new Set<unknown>();
    return JSON.stringify(value, (_, member: unknown) => {
      if (typeof member === 'bigint') return String(member);
      if (typeof member !== 'object' || !member) return member;
      return seen.has(member) ? null : seen.add(member) && member;
    });
  }
}

function texts(object: object): Record<string, string> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, textOf(value)]));
}

/** The members of a part that are there: texts, flags, and attributes as texts. */
export function members(part: keyof typeof MEMBERS, object: object | undefined): string {
  const given = (object ?? {}) as Record<string, unknown>;
  const kept: Record<string, unknown> = {};
  for (const name of MEMBERS[part]) {
    const value = given[name];
    if (typeof value === 'boolean') kept[name] = value;
    else if (typeof value === 'object' && value) kept[name] = texts(value);
    else if (value !== undefined && value !== null && value !== '') kept[name] = String(value);
  }
  return inner(kept);
}

/** A session's id, attributes and overrides. What the agent itself says of it is left out. */
export function session(object: object | undefined): [id: string, attributes: string, overrides: string] {
  const { id, attributes, overrides } = (object ?? {}) as { id?: unknown; attributes?: object; overrides?: object };
  const { isSampled, previousSession, ...own } = texts(attributes ?? {});
  return [id ? String(id) : '', inner(own), members('overrides', overrides)];
}

/** Name and version of the first mark that is found. */
function find(marks: readonly (readonly [string, string])[], userAgent: string): [name: string, version: string] {
  for (const [mark, name] of marks) {
    const found = new RegExp(`\\b${mark}(?:[/ ]([\\d._]+))?`).exec(userAgent);
    if (found) return [name, (found[1] ?? '').replace(/_/g, '.')];
  }
  return ['unknown', ''];
}

/** Agent, browser and system, and the attributes of the resource that follow from the app and from these. */
export function surroundings(app: AgentOptions['app']): { sdk: string; browser: string; os: string; resource: string } {
  const { userAgent, language, userAgentData } = navigator as Navigator & {
    userAgentData?: { brands?: { brand: string; version: string }[] };
  };
  const [name, version] = find(BROWSERS, userAgent);
  const [system, systemVersion] = find(SYSTEMS, userAgent);
  const mobile = userAgent.includes('Mobi');
  const brands = userAgentData?.brands?.map(({ brand, version }) => ({ brand, version }));
  const { innerWidth, innerHeight } = window;
  const platform = `${system} ${systemVersion || 'unknown'}`;
  const viewport = { viewportWidth: String(innerWidth), viewportHeight: String(innerHeight) };
  const service = app as Record<string, unknown>;
  const attributes: Record<string, unknown> = {
    'service.name': service['name'],
    'service.namespace': service['namespace'],
    'service.version': service['version'],
    'deployment.environment.name': service['environment'],
    'deployment.environment': service['environment'],
    'browser.language': language,
    'browser.platform': platform,
    'user_agent.original': userAgent,
    'telemetry.sdk.language': 'webjs',
    'telemetry.sdk.name': 'farol',
    'telemetry.sdk.version': VERSION,
  };
  const stated = Object.entries(attributes).filter(([, value]) => value);
  const resource = stated.map(([key, value]) => ({ key, value: { stringValue: String(value) } }));
  return {
    sdk: inner({ name: 'farol', version: VERSION }),
    browser: inner({ name, version, os: platform, userAgent, language, mobile, brands: brands ?? 'unknown', ...viewport }),
    os: system === 'unknown' ? '' : inner({ name: system, version: systemVersion || undefined }),
    resource: JSON.stringify([...resource, { key: 'browser.mobile', value: { boolValue: mobile } }]).slice(1, -1),
  };
}
