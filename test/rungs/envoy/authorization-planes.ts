// Many workloads' sidecars in one proxy of each kind: every case is a workload of its own with an HTTP and a TCP port, in
// front of one application, one issuer of tokens and one external authorizer.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type ProxyNode, type ResourceSet, silentLogger, TYPE_URL, type XdsResource } from '#base';
import { parseText, viewOf } from '#config';
import { makeRoot, type SecretSource, type SecretValue } from '#identity';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import {
  CheckRequestSchema,
  type CheckRequest,
  CheckResponseSchema,
} from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { translate } from '#translate';
import { formatPem } from '#wire/tls';
import { makePeer } from '../../../src/identity/testing/make-peer.ts';
import { startProxy } from '../../../src/main/proxy.ts';
import { protoRegistry, setJson } from '../../golden/resource-json.ts';
import { testPorts } from '../../mesh/test-ports.ts';
import { type Case, HTTP_PORT, TCP_PORT } from './authorization-cases.ts';
import { staticBootstrap, type Types, withFilters } from './static-bootstrap.ts';

const NOW = Date.now();
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const rootsPem = formatPem('CERTIFICATE', root.certificate.der);
const issuer = await generateKeyPair('ES256', { extractable: true });
const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(issuer.publicKey)), kid: 'one' }] });

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

export function identity(namespace: string, account: string): Identity {
  const peer = makePeer(root, NOW, { uris: [`spiffe://cluster.local/ns/${namespace}/sa/${account}`] });
  return { certPem: peer.pem, keyPem: peer.keyPem };
}

export function tokenOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(issuer.privateKey);
}

export interface Ports {
  readonly http: number;
  readonly tcp: number;
}

export interface Plane {
  readonly name: string;
  /** By the case's place in the list. */
  readonly ports: readonly Ports[];
  close(): void;
}

async function listening<S extends Server>(server: S): Promise<S & { readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

/** Says "reached" to HTTP/1.1, HTTP/2 and gRPC on one port, and echoes on another. */
async function startApps(): Promise<{ readonly http: number; readonly tcp: number; close(): void }> {
  const h1 = createHttpServer((_, response) => response.end('reached'));
  const h2 = createHttp2Server();
  h2.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('reached');
  });
  const http = await listening(
    createServer((socket) => {
      socket.on('error', () => {});
      socket.once('readable', () => {
        const first = socket.read() as Buffer | null;
        if (first === null) return socket.destroy();
        socket.unshift(first);
        (first.toString('latin1', 0, 3) === 'PRI' ? h2 : h1).emit('connection', socket);
        return undefined;
      });
    }),
  );
  const tcp = await listening(createServer((socket) => void socket.on('error', () => {}).pipe(socket)));
  return { http: http.port, tcp: tcp.port, close: () => (http.close(), tcp.close()) };
}

/** Lets pass what carries `x-ext: allow`, and connections of team-a. */
async function startAuthorizer(): Promise<{ readonly port: number; close(): void }> {
  const server = new grpc.Server();
  const check = {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  server.addService({ check } as never, {
    check: (call: { request: CheckRequest }, done: (error: null, answer: Buffer) => void) => {
      const { attributes } = call.request;
      const http = attributes?.request?.http;
      const good =
        http === undefined
          ? (attributes?.source?.principal ?? '').includes('/ns/team-a/')
          : http.headers['x-ext'] === 'allow';
      done(
        null,
        Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, { status: { code: good ? 0 : 7 } }))),
      );
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

function configuration(cases: readonly Case[], authorizer: number): string {
  const objects: object[] = [
    {
      apiVersion: 'mesh.istio.io/v1alpha1',
      kind: 'MeshConfig',
      metadata: { name: 'mesh', namespace: 'istio-system' },
      extensionProviders: [
        {
          name: 'judge',
          envoyExtAuthzGrpc: { service: 'judge.team-a.svc.cluster.local', port: authorizer, timeout: '10s' },
        },
      ],
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'judge', namespace: 'team-a' },
      spec: {
        hosts: ['judge.team-a.svc.cluster.local'],
        location: 'MESH_EXTERNAL',
        resolution: 'STATIC',
        ports: [{ number: authorizer, name: 'grpc', protocol: 'GRPC' }],
        endpoints: [{ address: '127.0.0.1' }],
      },
    },
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'RequestAuthentication',
      metadata: { name: 'tokens', namespace: 'team-a' },
      spec: { jwtRules: ['https://issuer.example', 'https://other.example'].map((one) => ({ issuer: one, jwks })) },
    },
    ...cases.flatMap(({ policies }, i) => [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `w${i}`, namespace: 'team-a' },
        spec: {
          selector: { app: `w${i}` },
          ports: [
            { name: 'http', port: HTTP_PORT },
            { name: 'tcp', port: TCP_PORT },
          ],
        },
      },
      ...policies.map(({ action, dryRun, rules }, n) => ({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: {
          name: `w${i}-p${n}`,
          namespace: 'team-a',
          ...(dryRun ? { annotations: { 'istio.io/dry-run': 'true' } } : {}),
        },
        spec: {
          selector: { matchLabels: { app: `w${i}` } },
          action,
          ...(action === 'CUSTOM' ? { provider: { name: 'judge' } } : {}),
          ...(rules.length === 0 ? {} : { rules }),
        },
      })),
    ]),
  ];
  return objects.map((one) => JSON.stringify(one)).join('\n---\n');
}

type App = { readonly http: number; readonly tcp: number };

function nodeOf(i: number, ports: Ports, app: App, dataPlane: 'topsail' | 'envoy'): ProxyNode {
  return {
    id: `sidecar~127.0.0.1~w${i}.team-a~team-a.svc.cluster.local`,
    parsed: { type: 'sidecar', ip: '127.0.0.1', workload: `w${i}`, namespace: 'team-a', domain: 'cluster.local' },
    cluster: `w${i}`,
    metadata: {
      NAMESPACE: 'team-a',
      WORKLOAD_NAME: `w${i}`,
      LABELS: { app: `w${i}` },
      INTERCEPTION_MODE: 'NONE',
      TOPSAIL_DATA_PLANE: dataPlane,
      TOPSAIL_BOUND_PORTS: [
        { port: HTTP_PORT, appPort: app.http, boundPort: ports.http },
        { port: TCP_PORT, appPort: app.tcp, boundPort: ports.tcp },
      ],
    },
    locality: { region: '', zone: '', subZone: '' },
    userAgent: 'test',
    principal: '',
  };
}

const server = identity('team-a', 'app');

/** Every workload's inbound listeners, and the clusters of all. */
function resources(sets: readonly ResourceSet[], ports: readonly Ports[]): ResourceSet {
  const bound = new Set(ports.flatMap(({ http, tcp }) => [String(http), String(tcp)]));
  const all = new Map<string, Map<string, XdsResource>>();
  for (const type of [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.listener]) {
    const found = new Map<string, XdsResource>();
    for (const set of sets)
      for (const [name, resource] of set.get(type) ?? []) {
        const wanted =
          type === TYPE_URL.listener ? bound.has(name.slice(name.lastIndexOf('_') + 1)) : /^inbound|judge/.test(name);
        if (wanted && !found.has(name)) found.set(name, resource);
      }
    all.set(type, found);
  }
  return all;
}

async function runTopsail(set: ResourceSet): Promise<{ close(): void }> {
  const values: Readonly<Record<string, SecretValue>> = {
    default: {
      kind: 'certificate',
      certChainPem: server.certPem,
      privateKeyPem: server.keyPem,
      version: '1',
      notAfterMs: NOW + 3_600_000,
      spiffeId: 'spiffe://cluster.local/ns/team-a/sa/app',
    },
    ROOTCA: { kind: 'trust', rootsPem, crlPem: '', version: '1' },
  };
  const secrets: SecretSource = {
    subscribe: (name, changed) => {
      const value = values[name];
      if (value !== undefined) changed(value);
      return () => {};
    },
  };
  const handle = await startProxy({
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets,
    openLog: () => ({ write: () => {}, close: () => {} }) as never,
  });
  for (const [type, found] of set) {
    const rejects = handle.proxy.applyResources(type, [...found.values()], []);
    if (rejects.length > 0) throw new Error(rejects.map((one) => `${one.name}: ${one.detail}`).join('\n'));
  }
  const unbound = await handle.proxy.config.settled();
  if (unbound.size > 0) throw new Error([...unbound].join('\n'));
  return handle;
}

function extensionsOf(set: ResourceSet): ReadonlyMap<string, XdsResource> {
  return set.get(TYPE_URL.extensionConfig) ?? new Map();
}

/** Secrets by name alone are the bootstrap's own. */
function withStaticSecrets(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withStaticSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const named = value['name'] === 'default' || value['name'] === 'ROOTCA';
  const entries = Object.entries(value).filter(([key]) => !(named && key === 'sdsConfig'));
  return Object.fromEntries(entries.map(([key, inner]) => [key, withStaticSecrets(inner)]));
}

/** Logs go nowhere: neither the agent's, nor the audit's. */
function withoutLogs(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutLogs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (key === 'accessLog' ? [] : [[key, withoutLogs(inner)]])),
  );
}

/** One Envoy for all workloads: each one's listeners with its own filters. */
async function runEnvoy(
  binary: string,
  sets: readonly ResourceSet[],
  ports: readonly Ports[],
): Promise<{ close(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-matrix-'));
  const registry = await protoRegistry();
  const types: Record<string, JsonObject> = {};
  for (const set of sets) {
    const wanted = new Map([...resources([set], ports), [TYPE_URL.extensionConfig, extensionsOf(set)]]);
    const one = withFilters(JSON.parse(setJson(wanted, registry)) as Types);
    for (const [type, found] of Object.entries(one)) types[type] = { ...found, ...types[type] };
  }
  const made = staticBootstrap(withoutLogs(withStaticSecrets(types)) as never);
  const { dynamicResources: _, ...bootstrap } = made;
  const inline = (inlineString: string): JsonObject => ({ inlineString });
  const secrets = [
    {
      name: 'default',
      tlsCertificate: { certificateChain: inline(server.certPem), privateKey: inline(server.keyPem) },
    },
    { name: 'ROOTCA', validationContext: { trustedCa: inline(rootsPem) } },
  ];
  const [adminPort = 0] = await testPorts(1);
  const file = join(folder, 'bootstrap.json');
  writeFileSync(
    file,
    JSON.stringify({
      ...bootstrap,
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: adminPort } } },
      staticResources: { ...(bootstrap['staticResources'] as JsonObject), secrets },
    }),
  );
  const child: ChildProcess = spawn(
    binary,
    ['-c', file, '--use-dynamic-base-id', '-l', 'error', '--concurrency', '1'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
  const close = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (const end = performance.now() + 120_000; ; ) {
    const ready = await fetch(`http://127.0.0.1:${adminPort}/ready`).then(
      (answer) => answer.status === 200,
      () => false,
    );
    if (ready) return { close };
    if (performance.now() > end || child.exitCode !== null) {
      close();
      throw new Error(`Envoy does not start: ${errors.slice(-3000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** `envoy` is the binary; undefined runs our proxy alone. */
export async function startPlanes(
  cases: readonly Case[],
  envoy: string | undefined,
): Promise<{ planes: Plane[]; close(): void }> {
  const [app, authorizer] = await Promise.all([startApps(), startAuthorizer()]);
  const documents = parseText('cases.yaml', configuration(cases, authorizer.port), {
    defaultNamespace: 'team-a',
    createdMs: 1,
  });
  const refused = documents.filter((one) => one.object === undefined);
  if (refused.length > 0) throw new Error(refused.flatMap((one) => one.complaints.map((c) => c.message)).join('\n'));
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const registry = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' });
  const { view } = registry.rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const planes: Plane[] = [];
  for (const name of ['topsail', 'envoy'] as const) {
    if (name === 'envoy' && envoy === undefined) continue;
    const free = await testPorts(2 * cases.length);
    const ports = cases.map((_, i) => ({ http: free[2 * i] ?? 0, tcp: free[2 * i + 1] ?? 0 }));
    const sets = ports.map((one, i) => translate(snapshot, nodeOf(i, one, app, name)));
    const running =
      name === 'topsail' ? await runTopsail(resources(sets, ports)) : await runEnvoy(envoy ?? '', sets, ports);
    planes.push({ name, ports, close: () => running.close() });
  }
  return {
    planes,
    close: () => {
      for (const plane of planes) plane.close();
      app.close();
      authorizer.close();
    },
  };
}
