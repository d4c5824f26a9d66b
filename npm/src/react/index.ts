// `farol/react`: the names of Faro's React package.

export * from './error-boundary.js';
export * from './integration.js';
export * from './profiler.js';
export * from './version.js';
export {
  createReactRouterV4Options,
  createReactRouterV5Options,
  createReactRouterV6DataOptions,
  createReactRouterV6Options,
  createReactRouterV7DataOptions,
  createReactRouterV7Options,
  FaroRoute,
  FaroRoutes,
  NavigationType,
  ReactRouterVersion,
  setReactRouterV4V5SSRDependencies,
  setReactRouterV6SSRDependencies,
  setReactRouterV7SSRDependencies,
  withFaroRouterInstrumentation,
} from './router.js';
export type * from './router.js';
