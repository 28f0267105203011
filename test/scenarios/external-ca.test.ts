// Another authority signs (Istio's CSR service at CA_ADDR, as cert-manager's istio-csr serves it): for one workload among others of
// the mesh's own, and for everybody, the control plane (ENABLE_CA_SERVER=false) and a pod's agent included.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { makeSignCsr, readPodEnvironment } from '#agent';
import { formatNodeId, silentLogger } from '#base';
import {
  CREATE_CERTIFICATE_PATH,
  generateKeyPair,
  issueLeaf,
  makeCsr,
  makeCertificateService,
  makeIntermediate,
  makeRoot,
  privateKeyPem,
} from '#identity';
import { callHttp, type GrpcListener, gunzip, listenGrpc, SystemClock, SystemNet, SystemRandom } from '#io';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { GRPC_STATUS, GrpcError, GrpcServer, metadataValue, unaryMethod } from '#wire/grpc';
import { connectIdentity } from '../../src/main/agent-identity.ts';
import { startAgentProxy } from '../../src/main/agent-proxy.ts';
import { externalCa } from '../../src/main/external-ca.ts';
import { PodTokens } from '../../src/main/pod-tokens.ts';
import { freePort } from '../mesh/test-ports.ts';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';

const clock = new SystemClock();
const root = makeRoot({ organization: 'corporate', nowMs: Date.now(), key: generateKeyPair('ecdsa-p384') });
const signer = makeIntermediate(root, { organization: 'mesh signer', nowMs: Date.now() });
/** Half of it is left when the next one comes. */
const LEAF_MS = 20_000;

/** A server's certificate of that authority, as its Secret `istiod-tls` holds one. */
function servingFiles(dns: readonly string[]): { readonly cert: string; readonly key: string } {
  const key = generateKeyPair();
  const request = { spki: key.spki, uris: [], dns, ttlMs: 3_600_000, keyEncipherment: false };
  return { cert: issueLeaf(signer, request, Date.now()).pem + signer.intermediatesPem, key: privateKeyPem(key) };
}

/** Signs for whoever has a token, under the name in its `sub`, as istio-csr does after a TokenReview. */
async function startAuthority(): Promise<GrpcListener & { issued(): number }> {
  let issued = 0;
  const service = makeCertificateService({
    clock,
    log: silentLogger,
    authority: {
      trustDomain: 'cluster.local',
      issue: (request: Parameters<typeof issueLeaf>[1]) => {
        issued++;
        const leaf = issueLeaf(signer, { ...request, ttlMs: LEAF_MS }, Date.now());
        return { ...leaf, chain: [leaf.pem, signer.intermediatesPem, root.rootsPem] };
      },
    } as never,
  });
  const server = new GrpcServer({ clock, gunzip });
  server.register(CREATE_CERTIFICATE_PATH, (call) =>
    unaryMethod(async (bytes) => {
      const token = (metadataValue(call.metadata, 'authorization') ?? '').replace(/^Bearer /, '');
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as {
        sub?: string;
      };
      const [, , namespace = '', serviceAccount = ''] = (claims.sub ?? '').split(':');
      if (serviceAccount === '')
        throw new GrpcError(GRPC_STATUS.unauthenticated, `no token: ${JSON.stringify(claims)}`);
      const spiffeId = `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
      const answer = await service(fromBinary(IstioCertificateRequestSchema, bytes), { spiffeId } as never);
      if (!answer.ok) throw new GrpcError(GRPC_STATUS.permissionDenied, answer.error.message);
      return toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, answer.value));
    })(call),
  );
  const serving = servingFiles(['localhost']);
  const listener = await listenGrpc(
    {
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
      tls: {
        context: {
          certChainPem: serving.cert,
          privateKeyPem: serving.key,
          minVersion: 'TLSv1.3',
          maxVersion: 'TLSv1.3',
          version: 'external',
        },
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      },
    },
    (stream) => server.accept(stream),
  );
  return Object.assign(listener, { issued: () => issued });
}

describe('an external authority', () => {
  let authority: Awaited<ReturnType<typeof startAuthority>>;
  let mesh: TestMesh;
  const folder = mkdtempSync(join(tmpdir(), 'topsail-ca-'));
  before(async () => {
    authority = await startAuthority();
    const file = join(folder, 'root.pem');
    writeFileSync(file, root.rootsPem);
    mesh = await startMesh({
      workloads: [
        { app: 'client', env: { CA_ADDR: `localhost:${authority.port}`, CA_ROOT_CA: file } },
        { app: 'backend' },
      ],
      config: [
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata:\n  mesh: |\n    accessLogFile: ""\n    caCertificates:\n    - pem: |\n${root.rootsPem
          .trim()
          .split('\n')
          .map((line) => `        ${line}`)
          .join('\n')}\n`,
        'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: istio-system }\nspec: { mtls: { mode: STRICT } }\n',
      ],
    });
  });
  after(async () => {
    await mesh?.stop();
    await authority?.close(0);
    rmSync(folder, { recursive: true, force: true });
  });

  test('its workloads call and are called, and renew there', async () => {
    const status = async (from: string, to: string): Promise<number | undefined> =>
      (await mesh.order(from, { url: `http://${to}:9080/` }))[0]?.status;
    await until('an answer', async () => (await status('client', 'backend')) === 200);
    assert.equal(await status('backend', 'client'), 200);
    const before = authority.issued();
    await until('another certificate', () => authority.issued() > before);
    assert.deepEqual([await status('client', 'backend'), await status('backend', 'client')], [200, 200]);
  });
});

describe('a mesh without an authority of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-csr-'));
  const path = (name: string): string => join(folder, name);
  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text, { mode: 0o600 });
  };
  const names = ['istiod.istio-system.svc', 'localhost'];
  let authority: Awaited<ReturnType<typeof startAuthority>>;
  let mesh: TestMesh;
  before(async () => {
    authority = await startAuthority();
    const { cert, key } = servingFiles(names);
    write({ 'tls.crt': cert, 'tls.key': key, 'root-cert.pem': root.rootsPem });
    const env = { CA_ADDR: `localhost:${authority.port}` };
    mesh = await startMesh({
      workloads: [
        { app: 'client', env },
        { app: 'backend', env },
      ],
      discoveryEnv: { ENABLE_CA_SERVER: 'false' },
      discoveryFlags: [
        ...['--tlsCertFile', path('tls.crt'), '--tlsKeyFile', path('tls.key')],
        ...['--caCertFile', path('root-cert.pem')],
      ],
      config: [
        'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: istio-system }\nspec: { mtls: { mode: STRICT } }\n',
      ],
    });
  });
  after(async () => {
    await mesh?.stop();
    await authority?.close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const status = async (from: string, to: string): Promise<number | undefined> =>
    (await mesh.order(from, { url: `http://${to}:9080/` }))[0]?.status;

  test('its workloads call each other under STRICT, and the control plane names no other root', async () => {
    await until('an answer', async () => (await status('client', 'backend')) === 200);
    assert.equal(await status('backend', 'client'), 200);
    const shown = await mesh.topsail('ca', 'status');
    assert.match(shown.stdout, /^external, steady/);
    assert.match(shown.stdout, /another authority signs; serves as istiod\.istio-system\.svc/);
    assert.equal(shown.stdout.match(/corporate/g)?.length, 1, shown.stdout);
    const revoked = await mesh.topsail('ca', 'revoke', '--serial', '1234');
    assert.equal(revoked.status, 1);
    assert.match(revoked.stderr, /signed by another authority/);
  });

  /** With what injection gives a pod where `values.global.caAddress` is set. */
  async function connectPod(env: Readonly<Record<string, string>>): Promise<{
    readonly identity: Awaited<ReturnType<typeof connectIdentity>>;
    readonly pod: Exclude<ReturnType<typeof readPodEnvironment>, string>;
  }> {
    const token = await callHttp({
      target: { socket: mesh.run.tokenSocket },
      method: 'POST',
      path: '/token',
      body: JSON.stringify({ namespace: 'default', serviceAccount: 'web', workload: 'web-5d4' }),
      timeoutMs: 10_000,
    });
    write({ 'istio-token': (JSON.parse(token?.body ?? '{}') as { token: string }).token });
    const pod = readPodEnvironment(
      'sidecar',
      {
        POD_NAME: 'web-5d4',
        POD_NAMESPACE: 'default',
        INSTANCE_IP: '127.0.0.1',
        SERVICE_ACCOUNT: 'web',
        ISTIO_META_WORKLOAD_NAME: 'web',
        PILOT_CERT_PROVIDER: 'istiod',
        PROXY_CONFIG: JSON.stringify({ discoveryAddress: `localhost:${mesh.run.xds.port}` }),
        ...env,
      },
      { labels: 'app="web"\n' },
    );
    assert.ok(typeof pod !== 'string', String(pod));
    const parts = { clock, random: new SystemRandom(), log: silentLogger };
    const identity = await connectIdentity({
      ...parts,
      spec: pod,
      tokens: new PodTokens({
        ...parts,
        tokenFile: path('istio-token'),
        rootsFile: pod.roots.mesh ?? path('root-cert.pem'),
        listFile: path('ca-crl.pem'),
        boundFile: path('trust-domains.json'),
        trustDomain: pod.trustDomain,
      }),
      xds: pod.discovery,
      discoveryName: pod.discovery.host,
      discoveryRootsFile: pod.roots.discovery,
      ca: pod.authorityElsewhere ? externalCa(env) : undefined,
      version: '1.31.0',
    });
    return { identity, pod };
  }

  test('a pod has its certificate signed there and its configuration from the control plane', async () => {
    const { identity, pod } = await connectPod({ CA_ADDR: `localhost:${authority.port}` });
    const proxy = await startAgentProxy({
      clock,
      random: new SystemRandom(),
      log: silentLogger,
      net: new SystemNet(),
      identity,
      nodeId: formatNodeId({
        type: pod.role,
        ip: pod.ip,
        workload: pod.name,
        namespace: pod.namespace,
        domain: 'cluster.local',
      }),
      cluster: 'web.default',
      metadata: { ...pod.metadata, INTERCEPTION_MODE: 'NONE' },
      adminPort: await freePort(),
    });
    try {
      await proxy.ready;
      let chain = '';
      identity.secrets.subscribe('default', (value) => {
        if (value.kind === 'certificate') chain = value.certChainPem;
      });
      await until('a certificate', () => chain !== '');
      const leaf = new X509Certificate(chain);
      assert.match(leaf.issuer, /mesh signer/);
      assert.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/web');
      // The control plane itself signs for nobody.
      const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/default/sa/web');
      const refused = await makeSignCsr(identity.channel, async () => identity.metadata())(csr, 3_600_000, undefined);
      assert.match(refused.ok ? 'signed' : refused.error.message, /signed by another authority/);
    } finally {
      await proxy.drain(10);
      identity.close();
    }
  });

  test('its own certificate and the roots are read again when they change', async () => {
    const serial = async (): Promise<string> =>
      /serial ([0-9a-f]+)/.exec((await mesh.topsail('ca', 'status')).stdout)?.[1] ?? '';
    const first = await serial();
    const { cert, key } = servingFiles(names);
    write({ 'tls.crt': cert, 'tls.key': key });
    await until('the new certificate', async () => ![first, ''].includes(await serial()));
    const other = makeRoot({ organization: 'next', nowMs: Date.now(), key: generateKeyPair() });
    write({ 'root-cert.pem': root.rootsPem + other.rootsPem });
    await until('both roots', async () => (await mesh.topsail('ca', 'status')).stdout.includes('next'));
    assert.deepEqual([await status('client', 'backend'), await status('backend', 'client')], [200, 200]);
  });
});
