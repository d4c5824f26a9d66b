// The border to the wasm agent: typed calls on this side, one scratch buffer and numbers on the other.

import type { Attributes, ErrorDetails, ItemOptions, LayoutShift, LargestContentfulPaint, Interaction, NavigationTiming, StackFrame } from './types.js';

/** What the page lends to the agent. */
export interface Host {
  /** The `fetch` that was in place when the agent loaded; uploads use it and nothing else. */
  fetch: typeof fetch;
  /**
   * Present when a hook is configured: gets Faro's `TransportItem`, returns the JSON text of the
   * payload to send, or null to drop the item. Runs with no borrow held.
   */
  transform?: (item: unknown) => string | null;
}
