// A real Prometheus that takes OTLP metrics and remote write, and scrapes what a test asks for.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backend, fetchJson } from './backend.mjs';
import { answers, freePort, start, tempDir } from './process.mjs';

/**
 * Starts Prometheus; each of `scrape` (`{ job, target: 'host:port', path? }`) is read every second. The `port` and
 * `dir` of one that was stopped or killed bring it back with its data.
 */
export async function startPrometheus({ scrape = [], port, dir = tempDir('prometheus') } = {}) {
  const command = backend('prometheus');
  port ??= await freePort();
  const file = join(dir, 'prometheus.yaml');
  writeFileSync(file, JSON.stringify(config(scrape), null, 2));

  const url = `http://127.0.0.1:${port}`;
  const server = await start({
    name: 'prometheus',
    command,
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-otlp-receiver',
      '--web.enable-remote-write-receiver',
      '--enable-feature=exemplar-storage,otlp-deltatocumulative',
      '--scrape.discovery-reload-interval=100ms', // the first scrape would wait 5 s
      '--log.level=warn',
    ],
    cwd: dir,
    ready: () => answers(`${url}/-/ready`),
    timeoutMs: 60_000,
  });

  /** The series of an instant query now: `[{ labels, value, histogram }]`, the last for native histograms only. */
  async function query(promql) {
    const { data } = await fetchJson(`${url}/api/v1/query?${new URLSearchParams({ query: promql })}`);
    if (data.resultType !== 'vector') throw new Error(`${promql} gives a ${data.resultType}, not a vector`);
    return data.result.map(({ metric, value, histogram }) => ({
      labels: metric,
      value: value && Number(value[1]),
      histogram: histogram?.[1],
    }));
  }

  /** The exemplars of the series that a selector finds, of the last hour: `[{ labels, value, timestamp }]`. */
  async function exemplars(selector) {
    const now = Date.now() / 1000;
    const range = new URLSearchParams({ query: selector, start: String(now - 3600), end: String(now + 60) });
    const { data } = await fetchJson(`${url}/api/v1/query_exemplars?${range}`);
    return data.flatMap((series) => series.exemplars).map(({ labels, value, timestamp }) => ({ labels, value: Number(value), timestamp }));
  }

  return {
    ...server,
    url,
    port,
    dir,
    otlpMetrics: `${url}/api/v1/otlp/v1/metrics`,
    remoteWrite: `${url}/api/v1/write`,
    query,
    exemplars,
  };
}

function config(scrape) {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', scrape_native_histograms: true },
    scrape_configs: scrape.map(({ job, target, path = '/metrics' }) => ({
      job_name: job,
      metrics_path: path,
      static_configs: [{ targets: [target] }],
    })),
    otlp: {
      promote_resource_attributes: ['service.name', 'service.version', 'deployment.environment.name'],
    },
    storage: {
      tsdb: { out_of_order_time_window: '30m' },
      exemplars: { max_exemplars: 100_000 },
    },
  };
}
