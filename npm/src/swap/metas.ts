// `faro.metas`: parts that the agent knows go to it, the others lie over what it says, item by item.

import type { API, Config, InternalLogger, Meta, MetaGetter, MetaItem, Metas, MetasListener } from './types.js';
import type { Pipeline } from './pipeline.js';

/** The parts that the agent itself can be told. */
const TOLD = ['user', 'session', 'view', 'page'] as const;

let agents: () => Meta = () => ({});

const part = <K extends keyof Meta>(name: K) => (): Pick<Meta, K> => {
  const value = agents()[name];
  return (value ? { [name]: value } : {}) as Pick<Meta, K>;
};

/** What the agent says of the browser, the system and itself; it says so without being asked. */
export const browserMeta = /* @__PURE__ */ part('browser');
export const osMeta = /* @__PURE__ */ part('os');
export const sdkMeta = /* @__PURE__ */ part('sdk');

/** What a getter of the page's gives; nothing, where it fails. */
function ask(getter: MetaGetter): Partial<Meta> {
  try {
    return getter();
  } catch {
    return {};
  }
}

/** Configured metas: what the agent can be told is moved into its own options, the rest stays. */
export function settle(config: Config): { config: Config; rest: MetaItem[] } {
  const settled: Config = { ...config, app: { ...config.app } };
  const rest: MetaItem[] = [];
  for (const item of config.metas ?? []) {
    if (item === browserMeta || item === osMeta || item === sdkMeta) continue;
    if (typeof item === 'function') {
      rest.push(item);
      continue;
    }
    const { app, user, session, view, page, ...others } = item;
    Object.assign(settled.app, app);
    if (user) settled.user = user;
    if (view) settled.view = view;
    if (session) settled.sessionTracking = { ...settled.sessionTracking, session };
    if (page) settled.pageTracking = { ...settled.pageTracking, page };
    if (Object.keys(others).length) rest.push(others);
  }
  return { config: settled, rest };
}

/** The live list. `asked` says whether the agent asks about each item; without that, nothing can lie over its meta. */
export function metas(
  pipeline: Pipeline,
  own: () => Meta,
  api: API,
  logger: InternalLogger,
  rest: MetaItem[],
  asked: boolean,
): Metas & { changed(): void } {
  agents = own;
  const overlays = [...rest];
  const listeners = new Set<MetasListener>();
  const over = (meta: Meta): Meta =>
    overlays.reduce<Meta>((value, item) => ({ ...value, ...(typeof item === 'function' ? ask(item) : item) }), meta);
  const changed = () => listeners.forEach((listener) => listener(made.value));

  /** Tells the agent each part that it can be told; answers with what is left. */
  const tell = (item: Partial<Meta>, forget: boolean): Partial<Meta> => {
    const left = { ...item };
    for (const part of TOLD) {
      if (!(part in item)) continue;
      const value = forget ? undefined : item[part];
      delete left[part];
      if (part === 'user') api.setUser(value as Meta['user']);
      else if (part === 'session') api.setSession(value as Meta['session']);
      else if (part === 'view') api.setView(value as Meta['view']);
      else api.setPage(value as Meta['page']);
    }
    return left;
  };

  /** What has been told to the agent, by the item that held it. */
  const given = new Map<MetaItem, Partial<Meta>>();
  const made = {
    get value() {
      return over(own());
    },
    add(...items: MetaItem[]) {
      for (const item of items) {
        const left = typeof item === 'function' ? item : tell(item, false);
        if (typeof left !== 'function') given.set(item, left);
        if (typeof left !== 'function' && !Object.keys(left).length) continue;
        if (asked) overlays.push(left);
        else logger.error('no configured option needs a look at each item, so this meta is left out; name it in `metas` of initializeFaro');
      }
      changed();
    },
    remove(...items: MetaItem[]) {
      for (const item of items) {
        const left = given.get(item) ?? item;
        const at = overlays.indexOf(left);
        if (at >= 0) overlays.splice(at, 1);
        if (given.delete(item) && typeof item !== 'function') tell(item, true);
      }
      changed();
    },
    addListener: (listener: MetasListener) => void listeners.add(listener),
    removeListener: (listener: MetasListener) => void listeners.delete(listener),
    changed,
  };
  if (asked) {
    pipeline.overlay = (item) => (overlays.length ? { ...item, meta: over(item.meta) } : item);
  }
  return made;
}
