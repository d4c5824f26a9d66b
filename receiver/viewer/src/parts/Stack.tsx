// A stack that can be read: the app's own frames first to the eye, the rest dimmed.

import type { Frame } from '../api.js';
import { web } from '../format.js';
import { Copy } from './bits.js';

/** Frames of packages, of the browser and of extensions: rarely where the mistake is. */
const FOREIGN = /node_modules|\/vendor[.\-/]|^<anonymous>|^(chrome|moz|safari-web)-extension:|^webpack\/|zone\.js|\[native code\]/;

const position = ({ lineno, colno }: Frame) => (lineno === undefined ? '' : `:${lineno}${colno === undefined ? '' : `:${colno}`}`);

export function Stack({ frames }: { frames: Frame[] }) {
  const all = frames.map((frame) => `    at ${frame.function} (${frame.filename}${position(frame)})`).join('\n');
  return (
    <section>
      <h3>Stack <Copy value={all} label="Copy stack" /></h3>
      <ol class="stack">
        {frames.map((frame, index) => (
          <li key={index} class={FOREIGN.test(frame.filename) ? 'foreign' : ''}>
            <b>{frame.function || '?'}</b>
            <span title={frame.filename}>{short(frame.filename)}<i>{position(frame)}</i></span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The path; the host is the page's own nearly always, and the title has it. */
function short(filename: string): string {
  const url = web(filename);
  return url ? (url.pathname === '/' ? url.host + url.pathname : url.pathname) : filename;
}
