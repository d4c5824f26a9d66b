// Reading an answer into a component, and again when the live stream says that it changed.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Item, read } from './api.js';
import { listen } from './live.js';

export interface Data<T> {
  data: T | undefined;
  error: string | undefined;
}

/** At most one reading in this many milliseconds while items keep coming. */
const PAUSE = 1_500;

/**
 * The answer at `path`, undefined until it is there; null reads nothing. It is read again after a live item
 * for which `changed` is true. The last answer stays while the next is on its way, as long as the path is the same.
 */
export function useData<T>(path: string | null, changed?: (item: Item) => boolean): Data<T> {
  const [state, set] = useState<Data<T> & { path: string | null }>({ path, data: undefined, error: undefined });
  const watch = useRef(changed);
  watch.current = changed;

  useEffect(() => {
    if (!path) return;
    const abort = new AbortController();
    let timer: number | undefined;
    const load = () => {
      timer = undefined;
      read<T>(path, abort.signal).then(
        (data) => set({ path, data, error: undefined }),
        (error: Error) => abort.signal.aborted || set((old) => ({ ...old, path, error: error.message })),
      );
    };
    const again = () => (timer ??= window.setTimeout(load, PAUSE));
    load();
    const stop = listen({
      items: (items) => watch.current && items.some(watch.current) && again(),
      missed: () => watch.current && again(),
    });
    return () => {
      stop();
      clearTimeout(timer);
      abort.abort();
    };
  }, [path]);

  return state.path === path ? state : { data: undefined, error: undefined };
}
