// Both planes on one bootstrap of many trials: what each did with a request, as facts that compare.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { meshEntry } from '../../mesh/mesh.ts';
import { freePort, testPorts } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { address, cluster, OVER_H2 } from '../../proxy-life/config.ts';
import { findEnvoy } from '../../rungs/envoy/find-envoy.ts';
import type { Plane } from '../../rungs/envoy/plane-bed.ts';
import type { Backend } from './backend.ts';
import type { Trial } from './model.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const READY_WITHIN_MS = 20_000;
const CLUSTERS = ['a', 'b', 'c'];
const LOG =
  '%REQ(X-CASE)%|%RESPONSE_CODE%|%RESPONSE_FLAGS%|%RESPONSE_CODE_DETAILS%|%ROUTE_NAME%|%UPSTREAM_CLUSTER%|%REQ(:METHOD)%|%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%|%UPSTREAM_REQUEST_ATTEMPT_COUNT%\n';

const PROTOCOLS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const ONE_EACH = {
  typed_extension_protocol_options: {
    [PROTOCOLS]: {
      '@type': `type.googleapis.com/${PROTOCOLS}`,
      explicit_http_config: { http_protocol_options: {} },
      common_http_protocol_options: { max_requests_per_connection: 1 },
    },
  },
};

export interface RunningPlane {
  readonly ports: readonly number[];
  /** Lines of the access log, by `x-case`; one may still be under way. */
  logged(): ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Undefined and the words of the plane if it takes none of this configuration. */
export async function startPlane(
  plane: Plane,
  trials: readonly Trial[],
  backend: Backend,
): Promise<RunningPlane | string> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-differential-'));
  const ports = await testPorts(trials.length);
  const admin = await freePort();
  const log = join(folder, 'access.log');
  const file = join(folder, 'b.json');
  writeFileSync(log, '');
  const listeners = trials.map((trial, i) => listenerOf(trial, ports[i] as number, log, i));
  const clusters = CLUSTERS.flatMap((name) => [
    cluster(`${name}-h1`, [backend.h1]),
    cluster(`${name}-h2`, [backend.h2], OVER_H2),
  ]);
  // A connection of its own for each attempt: on one that is kept, ours tries once more what broke off unanswered.
  clusters.push(cluster('fresh-h1', [backend.h1], ONE_EACH));
  const node = { id: 'bed', cluster: 'bed' };
  const bootstrap = { node, admin: { address: address(admin) }, static_resources: { listeners, clusters } };
  writeFileSync(file, JSON.stringify(bootstrap));
  const [program, ...args] =
    plane === 'envoy'
      ? [findEnvoy() ?? '', '--disable-hot-restart', '-l', 'error', '--file-flush-interval-msec', '20']
      : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
  const child = spawn(program as string, [...args, '--concurrency', '1', '-c', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  child.stdout?.on('data', (data: Buffer) => (said += data.toString()));
  const gone = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  const ready = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${admin}/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  try {
    await until(
      () => `a ready ${plane}: ${said}`,
      async () => child.exitCode !== null || (await ready()),
      READY_WITHIN_MS,
    );
  } catch (error) {
    await close();
    throw error;
  }
  if (child.exitCode !== null) {
    await close();
    return said;
  }
  return {
    ports,
    close,
    logged() {
      const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
      return new Map(lines.map((line) => [line.slice(0, line.indexOf('|')), line.slice(line.indexOf('|') + 1)]));
    },
  };
}

function listenerOf(trial: Trial, port: number, log: string, index: number): object {
  const logger = {
    name: 'file',
    typed_config: {
      '@type': `${EXTENSIONS}.access_loggers.file.v3.FileAccessLog`,
      path: log,
      log_format: { text_format_source: { inline_string: LOG } },
    },
  };
  const { http_filters: filters = [], ...manager } = trial.manager;
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${EXTENSIONS}.filters.http.router.v3.Router` },
  };
  const typed = {
    '@type': `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'in',
    ...manager,
    access_log: [logger],
    http_filters: [...(filters as object[]), router],
  };
  // Envoy 1.40 refuses two listeners of one name.
  return {
    name: `in${index}`,
    address: address(port),
    filter_chains: [{ filters: [{ name: 'http', typed_config: typed }] }],
  };
}
