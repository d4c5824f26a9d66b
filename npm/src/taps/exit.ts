// The page is hidden, left or frozen: vitals are made final, then everything queued goes out.

import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { listen, type Undo } from '../patch.js';

export function start({ agent, leaving }: Reach): Undo {
  const leave = (reason: 'hidden' | 'pagehide' | 'freeze') => tap(() => {
    leaving.forEach((last) => last());
    agent.hidden();
    agent.flush(reason);
  });
  const stops = [
    // Chromium dispatches pagehide before visibilitychange, and only on window.
    listen(window, 'pagehide', () => leave('pagehide')),
    listen(document, 'visibilitychange', () => {
      if (document.visibilityState === 'hidden') leave('hidden');
    }),
    listen(document, 'freeze', () => leave('freeze')),
    listen(window, 'pageshow', (event) => tap(() => agent.restored((event as PageTransitionEvent).persisted))),
  ];
  return () => stops.forEach((stop) => stop());
}
