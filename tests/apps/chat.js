// A React application as the documentation of Faro's React package has it.
import {
  createReactRouterV7Options,
  faro,
  FaroErrorBoundary,
  FaroRoutes,
  getWebInstrumentations,
  initializeFaro,
  ReactIntegration,
  withFaroErrorBoundary,
} from '@grafana/faro-react';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';
import { createElement as h, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, createRoutesFromChildren, Link, matchRoutes, Route, Routes, useLocation, useNavigationType } from 'react-router';

initializeFaro({
  url: window.COLLECTOR,
  app: { name: 'chat', version: '1.0.0' },
  instrumentations: [
    ...getWebInstrumentations(),
    new TracingInstrumentation(),
    new ReactIntegration({
      router: createReactRouterV7Options({ createRoutesFromChildren, matchRoutes, Routes, useLocation, useNavigationType }),
    }),
  ],
});
faro.api.pushEvent('started', { by: 'chat' });

let broken = true;
function Room() {
  if (broken) throw new RangeError('no such room');
  return h('p', { id: 'room' }, 'room');
}
const Bounded = withFaroErrorBoundary(Room, { fallback: h('p', { id: 'wrapped' }, 'wrapped') });

function App() {
  const [shown, show] = useState(false);
  return h(BrowserRouter, { basename: location.pathname },
    h(Link, { id: 'go', to: '/rooms/7' }, 'go'),
    h('button', { id: 'show', onClick: () => show(true) }, 'show'),
    h(FaroRoutes, null,
      h(Route, { path: '/', element: h('p', null, 'home') }),
      h(Route, { path: '/rooms/:id', element: h('p', null, 'a room') })),
    shown && h(FaroErrorBoundary, {
      pushErrorOptions: { context: { where: 'chat' } },
      onReset: () => (broken = false),
      fallback: (error, reset) => h('button', { id: 'fallback', onClick: reset }, error.message),
    }, h(Room)),
    shown && h(Bounded));
}
createRoot(document.getElementById('root')).render(h(App));
fetch('/api/echo');
