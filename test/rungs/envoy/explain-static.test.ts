// Failures that no object of a mesh brings about by itself, on our proxy and a real Envoy from one bootstrap: each one's
// entry of the access log service is read as an agent reads it, and has to be explained rightly.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createH2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '#base';
import { type GrpcListener, listenGrpc, SystemClock } from '#io';
import { type TapRecordJson, tapRecord, UNKNOWN_PEER, type VerdictCode, verdictOf } from '#telemetry';
import { GrpcServer } from '#wire/grpc';
import { ACCESS_LOG_PATH, accessLogMethod } from '../../../src/agent/envoy/access-log.ts';
import { meshEntry } from '../../mesh/mesh.ts';
import { testPorts } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { cluster, OVER_H2 } from '../../proxy-life/config.ts';
import { findEnvoy } from './find-envoy.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const WITHIN_MS = 90_000;
/** Of time-outs that are waited for. */
const SHORT = '0.3s';
const ALWAYS = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const DNS_CACHE = { name: 'names', dns_lookup_family: 'V4_ONLY' };

interface Case {
  readonly expected: VerdictCode;
  readonly facts?: Partial<Record<keyof TapRecordJson, RegExp>>;
  /** Which of the clusters; default `app`. */
  readonly to?: string;
  readonly route?: object;
  readonly action?: object;
  readonly manager?: object;
  readonly filters?: readonly object[];
  readonly listener?: object;
  readonly chain?: object;
  /** What is sent, as it goes over the wire. */
  readonly says?: string;
  /** How often; a limit needs to be reached. */
  readonly times?: number;
  readonly only?: 'envoy';
}

const filter = (name: string, type: string, config: object = {}): object => ({
  name: `envoy.filters.http.${name}`,
  typed_config: { '@type': `${EXTENSIONS}.filters.http.${type}`, ...config },
});

const get = (path = '/', headers: readonly string[] = []): string =>
  `${[`GET ${path} HTTP/1.1`, 'host: app.example', ...headers].join('\r\n')}\r\n\r\n`;

const CASES: Readonly<Record<string, Case>> = {
  'more requests than the limit': {
    expected: 'rate-limited',
    facts: { status: /^429$/ },
    filters: [
      filter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', {
        stat_prefix: 'limit',
        token_bucket: { max_tokens: 1, fill_interval: '3600s' },
        filter_enabled: ALWAYS,
        filter_enforced: ALWAYS,
      }),
    ],
    times: 2,
  },
  'the rate limit service is away': {
    expected: 'rate-limit-failed',
    // Our proxy refuses a configuration with this filter.
    only: 'envoy',
    action: { rate_limits: [{ actions: [{ remote_address: {} }] }] },
    filters: [
      filter('ratelimit', 'ratelimit.v3.RateLimit', {
        domain: 'd',
        failure_mode_deny: true,
        rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'away' } } },
      }),
    ],
  },
  'nothing comes for too long': { expected: 'idle', to: 'silent', manager: { stream_idle_timeout: SHORT } },
  'the stream lasts longer than the route allows': {
    expected: 'stream-too-long',
    to: 'silent',
    action: { timeout: '0s', max_stream_duration: { max_stream_duration: SHORT } },
  },
  'the stream lasts longer than the listener allows': {
    expected: 'stream-too-long',
    to: 'silent',
    action: { timeout: '0s' },
    manager: { common_http_protocol_options: { max_stream_duration: SHORT } },
  },
  'the body does not come in time': {
    expected: 'request-late',
    manager: { request_timeout: SHORT },
    says: 'POST / HTTP/1.1\r\nhost: app.example\r\ncontent-length: 10\r\n\r\nhalf',
  },
  'the head does not come in time': {
    expected: 'request-late',
    manager: { request_headers_timeout: SHORT },
    says: 'GET / HTTP/1.1\r\nhost: app.ex',
  },
  'a path with a slash in disguise': {
    expected: 'bad-path',
    manager: { normalize_path: true, path_with_escaped_slashes_action: 'REJECT_REQUEST' },
    says: get('/a%2fb'),
  },
  'a request that names no host': { expected: 'no-host', says: 'GET / HTTP/1.1\r\n\r\n' },
  'an upgrade that is not allowed': {
    expected: 'upgrade-refused',
    says: get('/', ['connection: upgrade', 'upgrade: websocket']),
  },
  'a request that is no HTTP': { expected: 'caller-protocol', says: 'GET / HTTP/1.1\r\nno colon here\r\n\r\n' },
  'a head that is too large': {
    expected: 'headers-too-large',
    says: get('/', [`x-large: ${'x'.repeat(100_000)}`]),
  },
  'a body larger than a filter holds': {
    expected: 'too-large',
    filters: [filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 10 })],
    says: `POST / HTTP/1.1\r\nhost: app.example\r\ncontent-length: 100\r\n\r\n${'x'.repeat(100)}`,
  },
  'the endpoint takes too long to connect': { expected: 'connect-timeout', to: 'mute' },
  'the endpoint resets the stream': { expected: 'reset-by-endpoint', to: 'resets' },
  'a name that nobody knows': {
    expected: 'dns-failed',
    to: 'forward',
    filters: [
      filter('dynamic_forward_proxy', 'dynamic_forward_proxy.v3.FilterConfig', { dns_cache_config: DNS_CACHE }),
    ],
    says: get().replace('app.example', 'nowhere.invalid'),
  },
  'a connection of another host': { expected: 'misdirected', route: { direct_response: { status: 421 } } },
  'a check of health': {
    expected: 'health-checked',
    filters: [
      filter('health_check', 'health_check.v3.HealthCheck', {
        pass_through_mode: false,
        headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
      }),
    ],
    says: get('/healthz'),
  },
};

const planes = ['topsail', 'envoy'] as const;
type Plane = (typeof planes)[number];

function listenerOf(one: Case, port: number): object {
  const route = one.route ?? { route: { cluster: one.to ?? 'app', ...one.action } };
  return {
    name: String(port),
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'in',
              route_config: {
                virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
              },
              http_filters: [...(one.filters ?? []), filter('router', 'router.v3.Router')],
              access_log: [
                {
                  name: 'envoy.access_loggers.http_grpc',
                  typed_config: {
                    '@type': `${EXTENSIONS}.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`,
                    common_config: {
                      log_name: 'source',
                      transport_api_version: 'V3',
                      grpc_service: { envoy_grpc: { cluster_name: 'logs' } },
                      buffer_flush_interval: '0.05s',
                    },
                  },
                },
              ],
              ...one.manager,
            },
          },
        ],
      },
    ],
  };
}

const TLS = {
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': `${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: 'mute.example',
      common_tls_context: {},
    },
  },
};
const FORWARD = {
  name: 'forward',
  lb_policy: 'CLUSTER_PROVIDED',
  cluster_type: {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typed_config: {
      '@type': `${EXTENSIONS}.clusters.dynamic_forward_proxy.v3.ClusterConfig`,
      dns_cache_config: DNS_CACHE,
    },
  },
};

const envoy = findEnvoy();
for (const plane of planes) {
  const skip = plane === 'envoy' && envoy === undefined && process.env['CI'] === undefined ? 'no Envoy' : false;
  describe(`explain of one proxy, ${plane}`, { skip }, () => {
    const cases = Object.entries(CASES).filter(([, one]) => one.only === undefined || one.only === plane);
    const folder = mkdtempSync(join(tmpdir(), 'topsail-explain-'));
    const told: TapRecordJson[] = [];
    const servers: Readonly<Record<string, Server>> = {
      app: createServer((asked, answer) => void asked.resume().on('end', () => answer.end('fine'))),
      silent: createServer(() => {}),
      mute: createTcpServer((socket) => void socket.on('error', () => {})),
      resets: createH2Server().on('stream', (stream) => stream.on('error', () => {}).close(2)),
    };
    let logs: GrpcListener;
    let child: ChildProcess;
    let ports: readonly number[] = [];

    before(async () => {
      for (const server of Object.values(servers)) await once(server.listen(0, '127.0.0.1'), 'listening');
      const clock = new SystemClock();
      const grpc = new GrpcServer({ clock });
      const sink = {
        onStreamEnd: (record: Parameters<typeof tapRecord>[0]) =>
          void told.push(tapRecord(record, false, UNKNOWN_PEER)),
        onTcpConnected: () => undefined,
      };
      grpc.register(
        ACCESS_LOG_PATH,
        accessLogMethod(clock, () => sink),
      );
      logs = await listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) => grpc.accept(stream));
      ports = await testPorts(cases.length + 1);
      const admin = ports[cases.length] as number;
      const bootstrap = {
        node: { id: 'explain', cluster: 'explain' },
        admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
        static_resources: {
          listeners: cases.map(([, one], i) => listenerOf(one, ports[i] as number)),
          clusters: [...clustersFor(servers), cluster('logs', [logs.port], OVER_H2), FORWARD],
        },
      };
      const file = join(folder, 'b.json');
      writeFileSync(file, JSON.stringify(bootstrap));
      child = start(plane, file);
      await until(
        'the proxy',
        async () => child.exitCode !== null || (await statusOf(`http://127.0.0.1:${admin}/ready`)) === 200,
        WITHIN_MS,
      );
      assert.equal(child.exitCode, null);
    });

    after(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await logs.close(0);
      for (const server of Object.values(servers)) server.close();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const [i, [name, one]] of cases.entries()) {
      test(`${name}: ${one.expected}`, async (t) => {
        const seen = told.length;
        for (let n = 0; n < (one.times ?? 1); n++) await say(ports[i] as number, one.says ?? get());
        const fits = (hop: TapRecordJson): boolean =>
          verdictOf(hop).code === one.expected &&
          Object.entries(one.facts ?? {}).every(([fact, like]) => like.test(String(hop[fact as keyof TapRecordJson])));
        const facts = () =>
          JSON.stringify(
            told
              .slice(seen)
              .map((hop) => [verdictOf(hop).code, hop.status, hop.flags, hop.details, hop.upstreamFailure]),
          );
        await until(facts, () => told.slice(seen).some(fits), WITHIN_MS);
        const hop = told.slice(seen).find(fits) as TapRecordJson;
        t.diagnostic(`${hop.status} ${hop.flags.join()} ${hop.details}`);
        assert.notEqual(verdictOf(hop).words, '');
      });
    }
  });
}

function clustersFor(servers: Readonly<Record<string, Server>>): readonly object[] {
  const port = (name: string): readonly number[] => {
    const at = servers[name]?.address() as AddressInfo | undefined;
    return at === undefined ? [] : [at.port];
  };
  return [
    cluster('app', port('app')),
    cluster('silent', port('silent')),
    cluster('mute', port('mute'), { connect_timeout: SHORT, ...TLS }),
    cluster('resets', port('resets'), OVER_H2),
    cluster('away', [1], OVER_H2),
  ];
}

function start(plane: Plane, file: string): ChildProcess {
  const [program, ...args] =
    plane === 'envoy'
      ? [envoy ?? '', '--disable-hot-restart', '--concurrency', '1', '-l', 'error']
      : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
  return spawn(program as string, [...args, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Sends it, and goes when the answer has begun or the proxy hangs up: what is waited for is in the log. */
async function say(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}).write(text);
  const answered = Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => {});
  await Promise.race([answered, sleep(WITHIN_MS, undefined, { ref: false })]);
  await sleep(50);
  socket.destroy();
}

async function statusOf(url: string): Promise<number> {
  return await fetch(url).then(
    (answer) => answer.status,
    () => 0,
  );
}
