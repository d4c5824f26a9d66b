// What applications write against Faro's React package, with React Router's own types.

import {
  createReactRouterV6DataOptions,
  createReactRouterV7DataOptions,
  createReactRouterV7Options,
  faro,
  FaroErrorBoundary,
  FaroProfiler,
  FaroRoutes,
  getWebInstrumentations,
  initializeFaro,
  LogLevel,
  ReactIntegration,
  ReactRouterVersion,
  withFaroErrorBoundary,
  withFaroProfiler,
  withFaroRouterInstrumentation,
  type FaroErrorBoundaryFallbackRender,
  type FaroErrorBoundaryProps,
  type PushErrorOptions,
} from '@grafana/faro-react';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';
import { StrictMode, type ReactElement } from 'react';
import {
  createBrowserRouter,
  createRoutesFromChildren,
  matchRoutes,
  Route,
  Routes,
  useLocation,
  useNavigationType,
} from 'react-router';

initializeFaro({
  url: 'https://collector.example.com/collect',
  app: { name: 'chat', version: '1.0.0' },
  instrumentations: [
    ...getWebInstrumentations(),
    new TracingInstrumentation(),
    new ReactIntegration({
      router: createReactRouterV7Options({ createRoutesFromChildren, matchRoutes, Routes, useLocation, useNavigationType }),
    }),
  ],
});
export const integrations = [
  new ReactIntegration(),
  new ReactIntegration({ router: createReactRouterV6DataOptions({ matchRoutes }) }),
  new ReactIntegration({ router: createReactRouterV7DataOptions({ matchRoutes }) }),
  new ReactIntegration({ router: { version: ReactRouterVersion.V7_data_router, dependencies: { matchRoutes } } }),
];

const router = createBrowserRouter([{ path: '/', element: <p>home</p> }]);
export const watched = withFaroRouterInstrumentation(router);

const options: PushErrorOptions = { fatal: true, context: { where: 'chat' } };
const fallback: FaroErrorBoundaryFallbackRender = (error: Error, reset: VoidFunction) => <button onClick={reset}>{error.message}</button>;
const properties: FaroErrorBoundaryProps = { fallback, pushErrorOptions: options, onError: (error) => console.info(error.message) };

function Message({ text }: { text: string }): ReactElement {
  return <p onClick={() => faro.api.pushLog([text], { level: LogLevel.INFO })}>{text}</p>;
}

export const Bounded = withFaroErrorBoundary(Message, { fallback: <p>failed</p> });
export const Profiled = withFaroProfiler(Message);
export const Named = withFaroProfiler(Message, { name: 'Message', children: null });

export function App(): ReactElement {
  return (
    <StrictMode>
      <FaroErrorBoundary {...properties}>
        <FaroProfiler name="App" updateProps={{ a: 1 }}>
          <FaroRoutes>
            <Route path="/" element={<Message text="home" />} />
            <Route path="/rooms/:id" element={<Bounded text="room" />} />
          </FaroRoutes>
        </FaroProfiler>
      </FaroErrorBoundary>
      <FaroErrorBoundary fallback={(error, resetError) => <button onClick={resetError}>{error.message}</button>} onReset={(error) => error?.name}>
        {() => <Profiled text="profiled" />}
      </FaroErrorBoundary>
    </StrictMode>
  );
}
