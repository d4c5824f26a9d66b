/** The version of this package; `build.mjs` checks that package.json says the same. */
export const VERSION = '0.1.0';
