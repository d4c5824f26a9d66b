// A real Loki in one process, on free ports, with its data in a temporary folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backend, fetchJson } from './backend.mjs';
import { answers, freePort, start, tempDir } from './process.mjs';

const HOUR_MS = 3_600_000;
const AHEAD_MS = 600_000; // entries of clients whose clock runs ahead are found too

/**
 * Starts Loki; `query` sees what was pushed as soon as the push was answered, and nothing that Loki derived itself.
 * `limits` are further keys of its `limits_config`, for tests that want to be refused; the `port` and `dir` of one
 * that was stopped or killed bring it back with its data.
 */
export async function startLoki({ limits = {}, port, dir = tempDir('loki') } = {}) {
  const command = backend('loki');
  port ??= await freePort();
  const file = join(dir, 'loki.yaml');
  writeFileSync(file, JSON.stringify(config({ dir, port, grpcPort: await freePort(), limits }), null, 2));

  const url = `http://127.0.0.1:${port}`;
  const server = await start({
    name: 'loki',
    command,
    args: [`-config.file=${file}`],
    cwd: dir,
    ready: () => answers(`${url}/ready`),
    timeoutMs: 120_000,
  });

  /**
   * The streams of a LogQL log query, oldest entry first: `[{ labels, entries: [{ timeNs, line, metadata }] }]`.
   * `timeNs` is a BigInt. Labels are the stream's own; structured metadata stands apart, with the entry.
   */
  async function query(logql, { sinceMs = HOUR_MS, limit = 5000 } = {}) {
    const now = Date.now();
    const params = new URLSearchParams({
      query: logql,
      start: `${now - sinceMs}000000`,
      end: `${now + AHEAD_MS}000000`,
      limit: String(limit),
      direction: 'forward',
    });
    const { data } = await fetchJson(`${url}/loki/api/v1/query_range?${params}`, {
      headers: { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' },
    });
    if (data.resultType !== 'streams') throw new Error(`${logql} gives a ${data.resultType}, not log lines`);
    return data.result.map(({ stream, values }) => ({
      labels: stream,
      entries: values.map(([timeNs, line, more]) => ({
        timeNs: BigInt(timeNs),
        line,
        metadata: more?.structuredMetadata ?? {},
      })),
    }));
  }

  return { ...server, url, port, dir, pushUrl: `${url}/loki/api/v1/push`, query };
}

function config({ dir, port, grpcPort, limits }) {
  return {
    auth_enabled: false,
    analytics: { reporting_enabled: false },
    server: {
      http_listen_address: '127.0.0.1',
      http_listen_port: port,
      grpc_listen_address: '127.0.0.1',
      grpc_listen_port: grpcPort,
      log_level: 'warn',
    },
    common: {
      path_prefix: dir,
      instance_addr: '127.0.0.1',
      replication_factor: 1,
      ring: { instance_addr: '127.0.0.1', kvstore: { store: 'inmemory' } },
      storage: { filesystem: { chunks_directory: join(dir, 'chunks'), rules_directory: join(dir, 'rules') } },
    },
    ingester: { lifecycler: { min_ready_duration: '0s', final_sleep: '0s' } },
    // Straight to the frontend: finding the query scheduler through its ring would take 11 s of every start.
    frontend_worker: { frontend_address: `127.0.0.1:${grpcPort}`, dns_lookup_duration: '100ms' },
    schema_config: {
      configs: [
        {
          from: '2024-01-01',
          store: 'tsdb',
          object_store: 'filesystem',
          schema: 'v13',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    limits_config: {
      allow_structured_metadata: true,
      reject_old_samples: false,
      volume_enabled: true,
      discover_log_levels: false, // no detected_level, no guessed service_name: what is read is what was sent
      discover_service_name: [],
      ingestion_rate_mb: 256,
      ingestion_burst_size_mb: 512,
      per_stream_rate_limit: '256MB',
      per_stream_rate_limit_burst: '512MB',
      ...limits,
    },
  };
}
