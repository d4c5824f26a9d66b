// Route changes of React Router as `route_change` events, named by the pattern of the route.

import { createElement, useEffect, type ComponentType, type ReactElement, type ReactNode } from 'react';
import { running } from './running.js';

export const ReactRouterVersion = {
  V4: 'v4',
  V5: 'v5',
  V6: 'v6',
  V6_data_router: 'v6_data_router',
  V7: 'v7',
  V7_data_router: 'v7_data_router',
} as const;
export type ReactRouterVersion = (typeof ReactRouterVersion)[keyof typeof ReactRouterVersion];

export const NavigationType = { Pop: 'POP', Push: 'PUSH', Replace: 'REPLACE' } as const;
export type NavigationType = (typeof NavigationType)[keyof typeof NavigationType];

export interface ReactRouterLocation<S = unknown> {
  pathname: string;
  search: string;
  hash: string;
  key: string;
  state: S;
}

export interface ReactRouterHistory {
  listen?: (listener: (location: ReactRouterLocation, action: NavigationType) => void) => unknown;
  location?: ReactRouterLocation;
}

export interface ReactRouterV4V5Dependencies {
  history: ReactRouterHistory;
  /** React Router's own `Route`. */
  Route: ReactRouterV4V5RouteShape;
}

/** What React Router types as a component of its own kind. */
export type ReactRouterV4V5RouteShape = ComponentType<never> | object;
export type ReactRouterV4V5ActiveEvent = { route: string; url: string };

/** A route, as far as its pattern goes; React Router's own types fit. */
export interface ReactRouterV6RouteObject {
  path?: string | undefined;
}

export interface ReactRouterV6RouteMatch {
  route: ReactRouterV6RouteObject;
  pathname: string;
}

// Written as methods, whose parameters TypeScript compares both ways: React Router's stricter functions fit.
export interface ReactRouterV6DataRouterDependencies {
  matchRoutes(routes: never[], location: never, basename?: string): readonly ReactRouterV6RouteMatch[] | null;
}

export interface ReactRouterV6Dependencies extends ReactRouterV6DataRouterDependencies {
  createRoutesFromChildren(children: ReactNode): ReactRouterV6RouteObject[];
  Routes(props: never): ReactElement | null;
  useLocation(): ReactRouterLocation;
  useNavigationType(): `${NavigationType}`;
}

export type ReactRouterV6MatchRoutes = ReactRouterV6DataRouterDependencies['matchRoutes'];
export type ReactRouterV6CreateRoutesFromChildren = ReactRouterV6Dependencies['createRoutesFromChildren'];
export type ReactRouterV6RoutesShape = ReactRouterV6Dependencies['Routes'];
export type ReactRouterV6UseLocation = ReactRouterV6Dependencies['useLocation'];
export type ReactRouterV6UseNavigationType = ReactRouterV6Dependencies['useNavigationType'];
export type ReactRouterV6Params<Key extends string = string> = { readonly [key in Key]: string | undefined };

export interface ReactRouterV6RoutesProps {
  children?: ReactNode;
  location?: Partial<ReactRouterLocation> | string;
  routesComponent?: ReactRouterV6RoutesShape;
}

export interface ReactRouterV4V5Config {
  version: 'v4' | 'v5';
  dependencies: ReactRouterV4V5Dependencies;
}

export interface ReactRouterV6Config {
  version: 'v6';
  dependencies: ReactRouterV6Dependencies;
}

export interface ReactRouterV6DataRouterConfig {
  version: 'v6_data_router';
  dependencies: ReactRouterV6DataRouterDependencies;
}

export interface ReactRouterV7Config {
  version: 'v7';
  dependencies: ReactRouterV6Dependencies;
}

export interface ReactRouterV7DataRouterConfig {
  version: 'v7_data_router';
  dependencies: ReactRouterV6DataRouterDependencies;
}

export type RouterConfig =
  | ReactRouterV4V5Config
  | ReactRouterV6Config
  | ReactRouterV6DataRouterConfig
  | ReactRouterV7Config
  | ReactRouterV7DataRouterConfig;

export const createReactRouterV4Options = (dependencies: ReactRouterV4V5Dependencies): ReactRouterV4V5Config => ({ version: 'v4', dependencies });
export const createReactRouterV5Options = (dependencies: ReactRouterV4V5Dependencies): ReactRouterV4V5Config => ({ version: 'v5', dependencies });
export const createReactRouterV6Options = (dependencies: ReactRouterV6Dependencies): ReactRouterV6Config => ({ version: 'v6', dependencies });
export const createReactRouterV7Options = (dependencies: ReactRouterV6Dependencies): ReactRouterV7Config => ({ version: 'v7', dependencies });
export const createReactRouterV6DataOptions = (dependencies: ReactRouterV6DataRouterDependencies): ReactRouterV6DataRouterConfig => ({ version: 'v6_data_router', dependencies });
export const createReactRouterV7DataOptions = (dependencies: ReactRouterV6DataRouterDependencies): ReactRouterV7DataRouterConfig => ({ version: 'v7_data_router', dependencies });

type Anything = Partial<ReactRouterV6Dependencies> & Partial<ReactRouterV4V5Dependencies>;

/** What the application has lent, by the router's name in it. */
const lent: Anything = {};

export function setReactRouterV4V5SSRDependencies({ Route }: Pick<ReactRouterV4V5Dependencies, 'Route'>): void {
  lent.Route = Route;
}

export function setReactRouterV6SSRDependencies({ Routes }: Pick<ReactRouterV6Dependencies, 'Routes'>): void {
  lent.Routes = Routes;
}

export const setReactRouterV7SSRDependencies = setReactRouterV6SSRDependencies;

/** Takes what the application lends; the older routers are listened to from here on. */
export function observe({ version, dependencies }: RouterConfig): void {
  Object.assign(lent, dependencies);
  if (version !== 'v4' && version !== 'v5') return;
  const { history } = dependencies;
  left = { route: '', url: location.href };
  history.listen?.((_, action) => {
    if (action !== NavigationType.Replace) {
      if (left.route) running()?.api.pushEvent('route_change', left, undefined, { skipDedupe: true });
      left = { route: '', url: location.href };
    }
  });
}

/** The page that is shown, with React Router 4 and 5: it is reported when it is left, as Faro does. */
let left: ReactRouterV4V5ActiveEvent = { route: '', url: '' };

/** The page that was shown last, with the newer ones. */
let last: { fromRoute?: string; fromUrl?: string } = {};

/** A `Route` that tells its pattern. Use it in place of React Router's 4 or 5. */
export function FaroRoute(props: Record<string, unknown> & { computedMatch?: { isExact: boolean; path: string } }): ReactElement {
  if (props.computedMatch?.isExact) left.route = props.computedMatch.path;
  return createElement(lent.Route as ComponentType<object>, props);
}

/** `Routes` that tell where they lead. Use them in place of React Router's 6 or 7. */
export function FaroRoutes({ routesComponent, ...props }: ReactRouterV6RoutesProps): ReactElement {
  const { useLocation, useNavigationType, createRoutesFromChildren } = lent;
  const Shown = (routesComponent ?? lent.Routes) as ComponentType<object>;
  // Lent once and for all before anything renders, so the hooks are called on every render or on none.
  const place = useLocation?.();
  const action = useNavigationType?.();
  useEffect(() => {
    if (place) changed(createRoutesFromChildren?.(props.children) ?? [], place, action);
  }, [place, action]);
  return createElement(Shown, props);
}

interface RouterState {
  location: ReactRouterLocation;
  historyAction: `${NavigationType}`;
}

interface DataRouter {
  state: RouterState;
  routes: ReactRouterV6RouteObject[];
  subscribe(listener: never): () => void;
}

/** Listens to a data router and returns it. */
export function withFaroRouterInstrumentation<R extends DataRouter>(router: R): R {
  let seen: ReactRouterLocation | undefined;
  const look = ({ location, historyAction }: RouterState) => {
    if (location === seen) return;
    seen = location;
    changed(router.routes, location, historyAction);
  };
  look(router.state);
  router.subscribe(look as never);
  return router;
}

/** Tells of a new route; a replaced one is only remembered. */
function changed(routes: ReactRouterV6RouteObject[], place: ReactRouterLocation, action: string | undefined): void {
  const toRoute = pattern(routes, place);
  const toUrl = location.href;
  if (action !== NavigationType.Replace) running()?.api.pushEvent('route_change', { toRoute, toUrl, ...last });
  last = { fromRoute: toRoute, fromUrl: toUrl };
}

/** The patterns of the matched routes, put together: `/orders/:id/items`. */
function pattern(routes: ReactRouterV6RouteObject[], place: ReactRouterLocation): string {
  const match = lent.matchRoutes as ((routes: object[], place: object) => readonly ReactRouterV6RouteMatch[] | null) | undefined;
  const paths = match?.(routes, place)?.map(({ route }) => route.path ?? '') ?? [];
  const joined = paths.filter(Boolean).join('/').replace(/\/{2,}/g, '/');
  return paths.length ? `/${joined.replace(/^\/|\/$/g, '')}` : 'unknown';
}
