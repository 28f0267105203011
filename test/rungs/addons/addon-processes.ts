// Prometheus, Zipkin and an OTLP receiver as processes of a test: found, started on free ports, asked, ended.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPorts } from '../../mesh/test-ports.ts';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'topsail');
const ZIPKIN_JAR = process.env['ZIPKIN_JAR'] ?? join(cache, 'zipkin/zipkin-server-3.5.1-exec.jar');
/** A JVM on a busy machine takes its time. */
const READY_WITHIN_MS = 300_000;

export const prometheusMissing =
  spawnSync('prometheus', ['--version']).status === 0 ? undefined : "no Prometheus: install the package 'prometheus'";
export const zipkinMissing = !existsSync(ZIPKIN_JAR)
  ? 'no Zipkin: .ci/run fetches io.zipkin:zipkin-server, or set ZIPKIN_JAR'
  : spawnSync('java', ['-version']).status === 0
    ? undefined
    : 'no java to run Zipkin with';
export const otlpMissing =
  spawnSync('python3', ['-c', 'import grpc, opentelemetry.proto.collector.trace.v1.trace_service_pb2']).status === 0
    ? undefined
    : "no OTLP receiver: 'pip install opentelemetry-proto grpcio'";

export interface Addon {
  readonly port: number;
  said(): string;
  stop(): Promise<void>;
}

export async function startZipkin(): Promise<Addon> {
  const [port = 0] = await testPorts(1);
  const env = { ...process.env, QUERY_PORT: String(port), STORAGE_TYPE: 'mem', SELF_TRACING_ENABLED: 'false' };
  const addon = run('java', ['-Xmx192m', '-XX:TieredStopAtLevel=1', '-jar', ZIPKIN_JAR], env, port);
  await until(addon, 'Zipkin', async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok);
  return addon;
}

/** Finds its targets as docs/telemetry.md says: by the control plane's list. */
export async function startPrometheus(monitoringPort: number): Promise<Addon> {
  const [port = 0] = await testPorts(1);
  const folder = mkdtempSync(join(tmpdir(), 'topsail-prometheus-'));
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s' },
      scrape_configs: [
        {
          job_name: 'topsail',
          http_sd_configs: [{ url: `http://127.0.0.1:${monitoringPort}/debug/scrape-targets`, refresh_interval: '2s' }],
        },
      ],
    }),
  );
  const addon = run(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    process.env,
    port,
    () => rmSync(folder, { recursive: true, force: true }),
  );
  await until(addon, 'Prometheus', async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok);
  return addon;
}

export interface ReceivedSpan {
  readonly over: 'grpc' | 'http';
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** OTLP over gRPC on `port`, over HTTP on `httpPort`; prints each span as a line of JSON. */
export async function startOtlpReceiver(): Promise<
  Addon & { readonly httpPort: number; spans(): readonly ReceivedSpan[] }
> {
  const [port = 0, httpPort = 0] = await testPorts(2);
  const program = join(import.meta.dirname, 'otlp_receiver.py');
  const addon = run('python3', [program, String(port), String(httpPort)], process.env, port);
  await until(addon, 'the OTLP receiver', () => Promise.resolve(addon.said().includes('ready')));
  return {
    ...addon,
    httpPort,
    spans: () =>
      addon
        .said()
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as ReceivedSpan),
  };
}

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  port: number,
  after?: () => void,
): Addon {
  let text = '';
  const child: ChildProcess = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const keep = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return {
    port,
    said: () => (child.exitCode === null ? text : `${text}\n(ended: ${child.exitCode})`),
    stop: async () => {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
      after?.();
    },
  };
}

async function until(addon: Addon, name: string, ready: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + READY_WITHIN_MS; ; await sleep(200)) {
    if (await ready().catch(() => false)) return;
    if (Date.now() > end || addon.said().includes('(ended:')) {
      const said = addon.said();
      await addon.stop();
      throw new Error(`${name} is not ready:\n${said.slice(-2000)}`);
    }
  }
}
