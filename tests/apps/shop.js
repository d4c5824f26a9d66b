// An application as Faro's documentation has it. Nothing in it knows Farol.
import { faro, getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';

initializeFaro({
  url: window.COLLECTOR,
  app: { name: 'shop', version: '1.0.0' },
  instrumentations: [...getWebInstrumentations(), new TracingInstrumentation()],
});

faro.api.pushEvent('started', { by: 'shop' });
fetch('/api/echo').then(() => {
  setTimeout(() => {
    throw new TypeError('from the shop');
  });
});
