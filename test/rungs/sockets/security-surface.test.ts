// Our own surface: every port and path of a control plane, walked without certificate, as another namespace, as the same namespace and as its operator.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  apiRoutes,
  authzRoutes,
  caRoutes,
  configRoutes,
  debugRoutes,
  generatedRoutes,
  logRoutes,
  pageRoutes,
  proxyLiveRoutes,
  signInRoutes,
  tapRoutes,
  traceRoutes,
  trafficRoutes,
  whatIfRoutes,
} from '#api';
import { makeCsr, generateKeyPair } from '#identity';
import { grpcDialer, gunzip, SystemClock, SystemRandom } from '#io';
import { IstioCertificateRequestSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { DeltaDiscoveryRequestSchema } from '#proto/envoy/service/discovery/v3/discovery_pb.ts';
import { GrpcChannel } from '#wire/grpc';
import { scrapeTargets } from '../../../src/main/scrape-targets.ts';
import { until } from '../../mesh/until.ts';

const ROOT = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'surface-'));
const clock = new SystemClock();
interface Run {
  readonly address: string;
  readonly token: string;
  readonly xds: { readonly port: number };
  readonly monitoringPort: number;
  readonly tokenSocket: string;
}
let run: Run;
let child: ChildProcess;
let rootsPem = '';

type Ask = { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string };

function call(
  target: { readonly port: number } | { readonly socketPath: string },
  path: string,
  ask: Ask = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const r = request(
      { host: '127.0.0.1', ...target, path, method: ask.method ?? 'GET', headers: ask.headers ?? {}, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          body += piece;
        });
        // A stream may have nothing to say yet.
        if (response.headers['content-type']?.startsWith('text/event-stream') === true) response.destroy();
        response.on('close', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    r.on('error', reject);
    r.end(ask.body);
  });
}

before(async () => {
  child = spawn(
    join(ROOT, 'topsail'),
    ['discovery', '--home', folder, '--port', '0', '--xds-port', '0', '--monitoring-port', '0'],
    { stdio: 'ignore' },
  );
  await until('the control plane', () => existsSync(join(folder, 'run.json')));
  run = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as Run;
  rootsPem = (JSON.parse((await call({ socketPath: run.tokenSocket }, '/trust')).body) as { rootsPem: string })
    .rootsPem;
});
after(async () => {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.kill()) await gone;
  rmSync(folder, { recursive: true, force: true });
});

const port = (address: string): number => Number(new URL(address).port);

/** What a browser page, a local process and the operator get. Reading is for whoever is on this machine; writing needs the token. */
const HTTP: readonly {
  readonly on: 'api' | 'monitoring';
  readonly method: string;
  readonly path: string;
  readonly anybody: number;
  readonly operator: number;
}[] = [
  { on: 'api', method: 'POST', path: '/api/v1/apply', anybody: 401, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/delete', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/objects', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/status', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/proxies', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/proxies/nobody/config', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/api/v1/edges', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/authz/nobody', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/api/v1/authz/nobody/explain', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/api/v1/mtls/plan', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/ca', anybody: 200, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/ca/rotate', anybody: 401, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/ca/revoke', anybody: 401, operator: 400 },
  { on: 'api', method: 'POST', path: '/api/v1/sign-in/code', anybody: 401, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/sign-in', anybody: 401, operator: 401 },
  { on: 'api', method: 'GET', path: '/api/v1/sign-in', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/traffic', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/traffic/events', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/traffic/routes', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/series', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/tap', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/explain/nobody', anybody: 401, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/what-if', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/denied', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/text/Service/nobody/nobody', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/api/v1/text/Secret/nobody/nobody', anybody: 403, operator: 403 },
  { on: 'api', method: 'GET', path: '/api/v1/history', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/history/Service/nobody/nobody', anybody: 200, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/check', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/logs/nobody', anybody: 401, operator: 404 },
  { on: 'api', method: 'GET', path: '/api/v1/traces', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/traces/nobody', anybody: 401, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/generated', anybody: 200, operator: 200 },
  { on: 'api', method: 'POST', path: '/api/v1/generated/bytes', anybody: 401, operator: 400 },
  { on: 'api', method: 'GET', path: '/api/v1/proxies/nobody/live', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/graph', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/plain', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/wait', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/api/v1/edges/events', anybody: 200, operator: 200 },
  { on: 'api', method: 'GET', path: '/token', anybody: 404, operator: 404 },
  { on: 'api', method: 'POST', path: '/token', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/../state/ca/ca-key.pem', anybody: 404, operator: 404 },
  { on: 'api', method: 'GET', path: '/%2e%2e/%2e%2e/state/ca/ca-key.pem', anybody: 404, operator: 404 },
  { on: 'monitoring', method: 'GET', path: '/ready', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/metrics', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/version', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/syncz', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/configz', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/list', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/registryz', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/endpointz', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/scrape-targets', anybody: 200, operator: 200 },
  { on: 'monitoring', method: 'GET', path: '/debug/config_dump', anybody: 400, operator: 400 },
  { on: 'monitoring', method: 'POST', path: '/api/v1/apply', anybody: 404, operator: 404 },
];

describe('the HTTP ports', () => {
  for (const row of HTTP) {
    it(`${row.on} ${row.method} ${row.path}`, async () => {
      const at = { port: row.on === 'api' ? port(run.address) : run.monitoringPort };
      const body = row.method === 'POST' ? '{"texts":[],"namespace":"default","objects":[]}' : '';
      const status = async (headers: Record<string, string>): Promise<number> =>
        (await call(at, row.path, { method: row.method, headers, body })).status;
      assert.equal(await status({}), row.anybody, 'anybody on this machine');
      assert.equal(await status({ authorization: 'Bearer nonsense' }), row.anybody, 'a wrong token');
      assert.equal(await status({ authorization: `Bearer ${run.token}` }), row.operator, 'the operator');
      assert.equal(
        await status({ host: 'evil.example', authorization: `Bearer ${run.token}` }),
        403,
        'a name that was bound to this address',
      );
      assert.equal(
        await status({ origin: 'http://evil.example', authorization: `Bearer ${run.token}` }),
        403,
        'a page from elsewhere',
      );
    });
  }

  it('have no route that the table lacks', () => {
    const plain = (path: string): string => path.replace(/\/(?:Service|Secret)(?=\/nobody)|\/nobody/g, '/:');
    const listed = new Set(HTTP.map(({ method, path }) => `${method} ${plain(path)}`));
    const source = {} as never;
    const routes = [
      ...apiRoutes(source, clock),
      ...authzRoutes(source),
      ...caRoutes(source),
      ...debugRoutes(source),
      ...pageRoutes(new Map()),
      ...signInRoutes(source),
      ...trafficRoutes(source, source, clock, undefined),
      ...tapRoutes(source, source),
      ...whatIfRoutes(source, source),
      ...configRoutes(source, source, source),
      ...logRoutes(source, ''),
      ...traceRoutes(undefined, source),
      ...generatedRoutes(source),
      ...proxyLiveRoutes(source, source),
      scrapeTargets('', source),
    ].map(({ method, path }) => `${method} ${path.replace(/:\w+/g, ':')}`);
    assert.deepEqual(
      routes.filter((route) => !listed.has(route)),
      [],
    );
  });

  it('hold no key and no token in anything that can be read', async () => {
    for (const { on, method, path } of HTTP) {
      if (method !== 'GET') continue;
      const { body } = await call({ port: on === 'api' ? port(run.address) : run.monitoringPort }, path);
      assert.doesNotMatch(body, /PRIVATE KEY/, path);
      assert.ok(!body.includes(run.token), path);
    }
  });
});

describe('files and sockets', () => {
  it('are the operator’s alone', () => {
    const files = (readdirSync(join(folder, 'state'), { recursive: true }) as string[])
      .map((name) => join(folder, 'state', name))
      .filter((path) => statSync(path).isFile());
    const keys = files.filter((path) => readFileSync(path, 'utf8').includes('PRIVATE KEY'));
    assert.ok(keys.length > 0, files.join(' '));
    for (const path of [join(folder, 'run.json'), run.tokenSocket, ...keys])
      assert.equal((statSync(path).mode & 0o077).toString(8), '0', path);
  });
});

async function tokenOf(namespace: string, serviceAccount: string, workload: string): Promise<string> {
  const answer = await call({ socketPath: run.tokenSocket }, '/token', {
    method: 'POST',
    body: JSON.stringify({ namespace, serviceAccount, workload }),
  });
  assert.equal(answer.status, 200, answer.body);
  return (JSON.parse(answer.body) as { token: string }).token;
}

function channel(): GrpcChannel {
  return new GrpcChannel({
    dialer: grpcDialer({
      host: '127.0.0.1',
      port: run.xds.port,
      tls: () => ({
        context: { rootsPem, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', version: '1' },
        alpn: ['h2'],
        sni: 'istiod.istio-system.svc',
        checkKey: 'x',
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      }),
    }),
    clock,
    random: new SystemRandom(),
    gunzip,
  });
}

/** Status of the first answer to an ADS stream of this node: 0 when resources come. */
async function ads(nodeId: string, namespace: string, token: string | undefined): Promise<number> {
  const link = channel();
  try {
    return await new Promise<number>((resolve) => {
      const stream = link.openStream(
        '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
        { onMessage: () => resolve(0), onStatus: (status) => resolve(status.code) },
        { timeoutMs: 60_000, ...(token === undefined ? {} : { metadata: { authorization: `Bearer ${token}` } }) },
      );
      stream.send(
        toBinary(
          DeltaDiscoveryRequestSchema,
          create(DeltaDiscoveryRequestSchema, {
            node: { id: nodeId, metadata: { NAMESPACE: namespace } },
            typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
          }),
        ),
      );
    });
  } finally {
    link.close();
  }
}

describe('the xDS port', () => {
  const node = (namespace: string): string => `sidecar~127.0.0.1~a.${namespace}~${namespace}.svc.cluster.local`;
  const DENIED = [7, 16];

  it('answers only for the identity that the node claims', async () => {
    const token = await tokenOf('one', 'a', 'a');
    assert.ok(DENIED.includes(await ads(node('one'), 'one', undefined)), 'nobody');
    assert.ok(DENIED.includes(await ads(node('one'), 'one', 'nonsense')), 'a wrong token');
    assert.ok(DENIED.includes(await ads(node('one'), 'one', `${token.slice(0, -8)}AAAAAAAA`)), 'a forged token');
    assert.ok(DENIED.includes(await ads(node('two'), 'two', token)), 'another namespace');
    assert.ok(DENIED.includes(await ads(node('two'), 'one', token)), 'another namespace by its id alone');
    assert.ok(DENIED.includes(await ads(node('one'), 'two', token)), 'another namespace by its metadata alone');
    assert.equal(await ads(node('one'), 'one', token), 0, 'itself');
  });

  it('signs only for callers that show who they are, and nothing but their own identity', async () => {
    const pair = generateKeyPair();
    const csr = makeCsr(pair, 'spiffe://cluster.local/ns/victim/sa/admin');
    const ask = async (token: string | undefined): Promise<{ readonly code: number; readonly text: string }> => {
      const link = channel();
      const result = await link.callUnary(
        '/istio.v1.auth.IstioCertificateService/CreateCertificate',
        toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr, validityDuration: 60n })),
        { timeoutMs: 60_000, ...(token === undefined ? {} : { metadata: { authorization: `Bearer ${token}` } }) },
      );
      link.close();
      return result.ok
        ? { code: 0, text: Buffer.from(result.message).toString('latin1') }
        : { code: result.status.code, text: result.status.message };
    };
    assert.ok(DENIED.includes((await ask(undefined)).code));
    assert.ok(DENIED.includes((await ask('nonsense')).code));
    const signed = await ask(await tokenOf('one', 'a', 'a'));
    assert.equal(signed.code, 0, signed.text);
    const leaf = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(signed.text)?.[0] ?? '';
    const { X509Certificate } = await import('node:crypto');
    assert.equal(new X509Certificate(leaf).subjectAltName, 'URI:spiffe://cluster.local/ns/one/sa/a');
  });

  it('knows no other service', async () => {
    const link = channel();
    const result = await link.callUnary('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', new Uint8Array(), {
      timeoutMs: 60_000,
    });
    link.close();
    assert.equal(result.ok ? 0 : result.status.code, 12);
  });
});
