// Where we are: the fragment, so that one static page serves every address.

import { signal } from '@preact/signals';
import { query } from './api.js';

export interface Route {
  /** The page, `live` when the fragment is empty. */
  page: string;
  /** What it is about: a session, a trace, a group. */
  id: string;
  query: URLSearchParams;
}

export const route = signal(parse(location.hash));
addEventListener('hashchange', () => (route.value = parse(location.hash)));

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', id = ''] = path.split('/', 2);
  return { page: page || 'live', id: decode(id), query: new URLSearchParams(query) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a page. */
export function to(page: string, id = '', values: Parameters<typeof query>[0] = {}): string {
  return `#/${page}${id && `/${encodeURIComponent(id)}`}${query(values)}`;
}

/** Goes there without a new entry in the history: for selections and filters. */
export function replace(address: string): void {
  history.replaceState(null, '', address);
  route.value = parse(address);
}
