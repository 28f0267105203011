// A workload whose certificates another authority signs (Istio's CSR service at CA_ADDR, as cert-manager's istio-csr
// serves it) among others of the mesh's own: both kinds call each other under STRICT.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { silentLogger } from '#base';
import {
  CREATE_CERTIFICATE_PATH,
  generateKeyPair,
  issueLeaf,
  makeCertificateService,
  makeIntermediate,
  makeRoot,
  privateKeyPem,
} from '#identity';
import { type GrpcListener, gunzip, listenGrpc, SystemClock } from '#io';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { GRPC_STATUS, GrpcError, GrpcServer, metadataValue, unaryMethod } from '#wire/grpc';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';

const clock = new SystemClock();
const root = makeRoot({ organization: 'corporate', nowMs: Date.now(), key: generateKeyPair('ecdsa-p384') });
const signer = makeIntermediate(root, { organization: 'mesh signer', nowMs: Date.now() });
/** Half of it is left when the next one comes. */
const LEAF_MS = 20_000;

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
  const key = generateKeyPair();
  const serving = issueLeaf(
    signer,
    { spki: key.spki, uris: [], dns: ['localhost'], ttlMs: 3_600_000, keyEncipherment: false },
    Date.now(),
  );
  const listener = await listenGrpc(
    {
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
      tls: {
        context: {
          certChainPem: serving.pem + signer.intermediatesPem,
          privateKeyPem: privateKeyPem(key),
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
