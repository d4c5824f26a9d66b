// A real OpenTelemetry Collector with the Faro receiver: the peer that our receiver is compared with.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backend } from './backend.mjs';
import { flatLogs, flatSpans } from './otlp.mjs';
import { answers, freePort, start, tempDir } from './process.mjs';

/**
 * Starts a collector that writes logs and traces to files (`exporter: 'file'`, see `received`) or drops them (`'nop'`).
 * `adjust(config, dir)` may change the configuration before it is written, to add processors, connectors, exporters.
 */
export async function startCollector({ exporter = 'file', adjust = () => {}, prefix = [] } = {}) {
  const [command, ...before] = [...prefix, backend('collector')];
  const dir = tempDir('collector');
  const [faroPort, otlpPort, otlpGrpcPort, healthPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const logs = join(dir, 'logs.jsonl');
  const traces = join(dir, 'traces.jsonl');
  const settings = config({ exporter, faroPort, otlpPort, otlpGrpcPort, healthPort, logs, traces });
  adjust(settings, dir);
  const file = join(dir, 'collector.yaml');
  writeFileSync(file, JSON.stringify(settings, null, 2));

  const server = await start({
    name: 'collector',
    command,
    args: [...before, '--config', `file:${file}`],
    cwd: dir,
    ready: () => answers(`http://127.0.0.1:${healthPort}/`),
    timeoutMs: 60_000,
  });

  /** All that the file exporter has written so far: `{ logs, spans }` as in `flatLogs` and `flatSpans`. */
  function received() {
    return { logs: jsonLines(logs).flatMap(flatLogs), spans: jsonLines(traces).flatMap(flatSpans) };
  }

  return {
    ...server,
    faroUrl: `http://127.0.0.1:${faroPort}/faro`,
    otlpHttp: `http://127.0.0.1:${otlpPort}`,
    otlpGrpc: `127.0.0.1:${otlpGrpcPort}`,
    received,
  };
}

function config({ exporter, faroPort, otlpPort, otlpGrpcPort, healthPort, logs, traces }) {
  const files = {
    'file/logs': { path: logs, flush_interval: '100ms' },
    'file/traces': { path: traces, flush_interval: '100ms' },
  };
  const receivers = ['faro', 'otlp'];
  return {
    extensions: { health_check: { endpoint: `127.0.0.1:${healthPort}` } },
    receivers: {
      faro: { endpoint: `127.0.0.1:${faroPort}` },
      otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlpPort}` }, grpc: { endpoint: `127.0.0.1:${otlpGrpcPort}` } } },
    },
    processors: {},
    exporters: exporter === 'file' ? files : { [exporter]: {} },
    service: {
      extensions: ['health_check'],
      pipelines: {
        logs: { receivers, processors: [], exporters: [exporter === 'file' ? 'file/logs' : exporter] },
        traces: { receivers, processors: [], exporters: [exporter === 'file' ? 'file/traces' : exporter] },
      },
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } }, // no metrics: no port of its own
    },
  };
}

// The last line may be half written while the exporter flushes.
function jsonLines(path) {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.filter(Boolean).map((line) => JSON.parse(line));
}
