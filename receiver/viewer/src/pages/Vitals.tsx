// Web vitals of each app: the 75th percentile and how the values spread.

import type { VitalLine } from '../api.js';
import { useData } from '../data.js';
import { plural, vital } from '../format.js';
import { Failed, Loading } from '../parts/bits.js';

const NAMES: Record<string, string> = {
  lcp: 'Largest Contentful Paint', inp: 'Interaction to Next Paint', cls: 'Cumulative Layout Shift',
  fcp: 'First Contentful Paint', ttfb: 'Time to First Byte',
};

export function Vitals() {
  const { data, error } = useData<VitalLine[]>('/api/vitals', (item) => item.kind === 'vital');
  if (!data) return error ? <Failed error={error} /> : <Loading />;
  const apps = [...new Set(data.map((line) => line.app))];
  return (
    <>
      <h1 class="hidden">Web vitals</h1>
      {apps.length === 0 && <p class="note">No web vitals have arrived. They are sent when a page is left or hidden.</p>}
      {apps.map((app) => (
        <section key={app} class="cards">
          <h2>{app || 'unnamed app'} <span class="dim">75th percentile</span></h2>
          <div>{data.filter((line) => line.app === app).map((line) => <Card key={line.metric} line={line} />)}</div>
        </section>
      ))}
    </>
  );
}

function Card({ line }: { line: VitalLine }) {
  const share = (n: number) => `${Math.round((n / line.count) * 100)}%`;
  const parts = [['good', line.good], ['needs-improvement', line.needsImprovement], ['poor', line.poor]] as const;
  return (
    <article class={`card ${line.rating}`}>
      <h3>{line.metric.toUpperCase()} <span class="dim">{NAMES[line.metric]}</span></h3>
      <p class={`big ${line.rating}`}>{vital(line.metric, line.p75)} <small>{line.rating.replace('-', ' ')}</small></p>
      <div class="spread" role="img" aria-label={parts.map(([name, n]) => `${name.replace('-', ' ')} ${share(n)}`).join(', ')}>
        {parts.map(([name, n]) => n > 0 && <i key={name} class={name} style={{ flexGrow: String(n) }}>{share(n)}</i>)}
      </div>
      <p class="dim">{plural(line.count, 'value')}</p>
    </article>
  );
}
