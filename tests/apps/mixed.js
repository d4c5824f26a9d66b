// The SDK is swapped, the React package is not: it sees whichever SDK its own folder leads to.
import { faro, getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';
import { FaroErrorBoundary, initializeFaro as initializeOther, ReactIntegration } from '@grafana/faro-react';
import { createElement as h } from 'react';
import { createRoot } from 'react-dom/client';

const options = { url: window.COLLECTOR, app: { name: 'mixed' } };
initializeFaro({
  ...options,
  instrumentations: [...getWebInstrumentations(), new TracingInstrumentation(), new ReactIntegration()],
});
initializeOther(options);
faro.api.pushEvent('started', { by: 'mixed' });

function Room() {
  throw new RangeError('no such room');
}
createRoot(document.getElementById('root')).render(h(FaroErrorBoundary, { fallback: h('p', { id: 'fallback' }, 'failed') }, h(Room)));
fetch('/api/echo');
