// A real Jaeger with its traces in memory, taking OTLP over HTTP and gRPC; it stands in for Tempo, which speaks the same.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backend } from './backend.mjs';
import { flatSpans } from './otlp.mjs';
import { answers, freePort, start, tempDir } from './process.mjs';

/**
 * Starts Jaeger; POST traces to `${otlpHttp}/v1/traces` or send them to the gRPC endpoint `otlpGrpc`, read them back by their id. The `port` of one that was stopped
 * or killed brings it back at the same address, empty.
 */
export async function startJaeger({ port } = {}) {
  const command = backend('jaeger');
  const dir = tempDir('jaeger');
  const otlpPort = port ?? (await freePort());
  const [queryPort, grpcPort, otlpGrpcPort] = [await freePort(), await freePort(), await freePort()];
  const file = join(dir, 'jaeger.yaml');
  writeFileSync(file, JSON.stringify(config({ otlpPort, otlpGrpcPort, queryPort, grpcPort }), null, 2));

  const url = `http://127.0.0.1:${queryPort}`;
  const server = await start({
    name: 'jaeger',
    command,
    args: ['--config', file],
    cwd: dir,
    ready: () => answers(`${url}/api/services`),
    timeoutMs: 60_000,
  });

  /** The spans of a trace (hex id) as in `flatSpans`, as they were sent; none when Jaeger does not know it. */
  async function trace(traceId) {
    const address = `${url}/api/v3/traces/${traceId}?raw_traces=true`; // raw: no warnings, no skew adjustment
    const response = await fetch(address, { signal: AbortSignal.timeout(30_000) });
    const text = await response.text();
    if (response.status === 404) return [];
    if (!response.ok) throw new Error(`jaeger answered ${response.status} for trace ${traceId}: ${text.trim()}`);
    return flatSpans(JSON.parse(text).result);
  }

  return { ...server, url, port: otlpPort, otlpHttp: `http://127.0.0.1:${otlpPort}`, otlpGrpc: `127.0.0.1:${otlpGrpcPort}`, trace };
}

function config({ otlpPort, otlpGrpcPort, queryPort, grpcPort }) {
  return {
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: { endpoint: `127.0.0.1:${queryPort}` },
        grpc: { endpoint: `127.0.0.1:${grpcPort}` },
        enable_tracing: false, // it would send its own traces to :4317, and wait 10 s for that when it stops
      },
    },
    receivers: {
      otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlpPort}` }, grpc: { endpoint: `127.0.0.1:${otlpGrpcPort}` } } },
    },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } }, // no metrics: no port of its own
    },
  };
}
