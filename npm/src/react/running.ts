// The page's running instance, of whichever copy of the package started it.

import type { Faro } from '../index.js';

export function running(): Faro | undefined {
  return (globalThis as { [key: symbol]: { faro: Faro } | undefined })[Symbol.for('farol')]?.faro;
}
