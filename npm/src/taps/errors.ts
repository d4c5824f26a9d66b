// Uncaught errors and unhandled rejections, heard on window beside whatever the page has there.

import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { listen, type Undo } from '../patch.js';
import { fromMessage, rejected, thrown } from '../thrown.js';

export function start({ report }: Reach): Undo {
  const stops = [
    listen(window, 'error', (event) => tap(() => {
      // An element that failed to load is heard here too, with itself as the target.
      if (!(event instanceof ErrorEvent)) return;
      // null and undefined were thrown, or the script is foreign: only the message tells.
      const found = event.error == null ? fromMessage(event.message) : thrown(event.error);
      const { filename, lineno, colno } = event;
      // 0 means unknown here.
      const place = { filename: filename || location.href, function: '?', lineno: lineno || undefined, colno: colno || undefined };
      report(found, found.stack ? undefined : { stackFrames: [place] });
    })),
    listen(window, 'unhandledrejection', (event) => tap(() => {
      // Promise libraries put the reason into `detail`.
      const { reason, detail } = event as PromiseRejectionEvent & { detail?: { reason?: unknown } };
      report(rejected(reason ?? detail?.reason));
    })),
  ];
  return () => stops.forEach((stop) => stop());
}
