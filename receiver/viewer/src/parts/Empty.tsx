// What to do while nothing has arrived.

import { Copy } from './bits.js';

export function Empty({ collector }: { collector: string }) {
  const tag = `<script src="/farol.iife.js"\n  data-url="${collector}"\n  data-app-name="my-app"></script>`;
  const code = `import { initializeFaro } from 'farol';\n\ninitializeFaro({\n  url: '${collector}',\n  app: { name: 'my-app' },\n});`;
  return (
    <div class="empty">
      <h1>No data yet</h1>
      <p>The receiver is listening. Whatever a page sends to it shows up here at once.</p>
      <h2>Collector <Copy value={collector} /></h2>
      <pre>{collector}</pre>
      <h2>With a script tag <Copy value={tag} /></h2>
      <pre>{tag}</pre>
      <h2>With a bundler <Copy value={code} /></h2>
      <pre>{code}</pre>
      <p class="dim">A page that uses the Grafana Faro Web SDK needs nothing but this address as its <code>url</code>.</p>
      <p class="waiting" role="status"><i aria-hidden="true" />Waiting for the first item</p>
    </div>
  );
}
