// A pod's agent with its proxy before a control plane that behaves as Istio's: a projected istio-token for the CSR and for every stream,
// the node as pilot-agent writes it, delta ADS over TLS, a name table, and the workload's health told as Istio's agents tell it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create, type DescMessage, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { MeshNames, readPodEnvironment } from '#agent';
import { formatNodeId, type ProxyNode, silentLogger, TYPE_URL, type XdsResource } from '#base';
import {
  CREATE_CERTIFICATE_PATH,
  generateKeyPair,
  issueLeaf,
  makeCertificateService,
  makeRoot,
  privateKeyPem,
} from '#identity';
import { gunzip, listenGrpc, SystemClock, SystemNet, SystemRandom } from '#io';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { NameTableSchema } from '#proto/istio/networking/nds/v1/nds_pb.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { GRPC_STATUS, GrpcError, GrpcServer, metadataValue, unaryMethod } from '#wire/grpc';
import { MapBackend, XdsServer } from '#xds';
import { connectIdentity } from '../../../src/main/agent-identity.ts';
import { startAgentProxy } from '../../../src/main/agent-proxy.ts';
import { PodTokens } from '../../../src/main/pod-tokens.ts';
import { cluster, fetchText, listener, managerFilter, startApp } from './proxy-fixture.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const registry = await loadTypes();
const ISTIOD = 'istiod.istio-system.svc';
const SPIFFE = 'spiffe://cluster.local/ns/default/sa/web';
const TOKEN = 'projected.istio.token';
const root = makeRoot({ organization: 'cluster.local', nowMs: Date.now(), key: generateKeyPair() });

function resource(schema: DescMessage, typeUrl: string, name: string, json: object): XdsResource {
  const bytes = toBinary(schema, fromJson(schema, JSON.parse(JSON.stringify(json)) as never, { registry }));
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins: [] };
}

const bearer = (metadata: Parameters<typeof metadataValue>[0]): string =>
  (metadataValue(metadata, 'authorization') ?? '').replace(/^Bearer /, '');

/** What injection gives a pod (inventory §4, §5). */
const ENV = {
  POD_NAME: 'web-5d4',
  POD_NAMESPACE: 'default',
  INSTANCE_IP: '127.0.0.1',
  SERVICE_ACCOUNT: 'web',
  ISTIO_META_WORKLOAD_NAME: 'web',
  ISTIO_META_CLUSTER_ID: 'Kubernetes',
  ISTIO_META_MESH_ID: 'cluster.local',
  ISTIO_META_INTERCEPTION_MODE: 'NONE',
  ISTIO_META_NODE_NAME: 'node-1',
  ISTIO_METAJSON_ANNOTATIONS: '{"ANNOTATIONS":{"a":"b"}}',
  ISTIO_META_POD_PORTS: '[{"name":"http","containerPort":8080}]',
  PROXY_CONFIG: '{"concurrency":2}',
};

test('a pod’s agent is served by a control plane that behaves as Istio’s', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-istiod-'));
  writeFileSync(join(folder, 'istio-token'), TOKEN);
  writeFileSync(join(folder, 'root-cert.pem'), root.rootsPem);
  const app = await startApp((_, response) => response.end('served'));
  const [port, adminPort] = [await freePort(), await freePort()];

  const csrTokens: string[] = [];
  const nodes: ProxyNode[] = [];
  const streamTokens: string[] = [];
  const backend = new MapBackend((node, _, metadata) => {
    nodes.push(node);
    streamTokens.push(bearer(metadata));
    return { ok: true, principal: SPIFFE };
  });
  const at = { socket_address: { address: '127.0.0.1', port_value: port } };
  const toApp = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
  backend.set({
    [TYPE_URL.cluster]: [resource(ClusterSchema, TYPE_URL.cluster, 'app', cluster('app', [app.port]))],
    [TYPE_URL.listener]: [
      resource(ListenerSchema, TYPE_URL.listener, 'in', {
        ...listener('in', [{ filters: [managerFilter(toApp)] }]),
        address: at,
      }),
    ],
    [TYPE_URL.nameTable]: [
      resource(NameTableSchema, TYPE_URL.nameTable, '', {
        table: { 'reviews.default.svc.cluster.local': { ips: ['10.0.0.7'], registry: 'Kubernetes' } },
      }),
    ],
  });
  const grpc = new GrpcServer({ clock, gunzip });
  new XdsServer({ backend, clock }).register(grpc);
  const service = makeCertificateService({
    clock,
    log: silentLogger,
    authority: {
      trustDomain: 'cluster.local',
      issue: (request: Parameters<typeof issueLeaf>[1]) => {
        const leaf = issueLeaf(root, { ...request, ttlMs: 3_600_000 }, Date.now());
        return { ...leaf, chain: [leaf.pem, root.rootsPem] };
      },
    } as never,
  });
  grpc.register(CREATE_CERTIFICATE_PATH, (call) =>
    unaryMethod(async (bytes) => {
      csrTokens.push(bearer(call.metadata));
      if (bearer(call.metadata) !== TOKEN) throw new GrpcError(GRPC_STATUS.unauthenticated, 'no token');
      const answer = await service(fromBinary(IstioCertificateRequestSchema, bytes), { spiffeId: SPIFFE } as never);
      if (!answer.ok) throw new GrpcError(GRPC_STATUS.permissionDenied, answer.error.message);
      return toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, answer.value));
    })(call),
  );
  const key = generateKeyPair();
  const serving = issueLeaf(
    root,
    { spki: key.spki, uris: [], dns: [ISTIOD], ttlMs: 3_600_000, keyEncipherment: false },
    Date.now(),
  );
  const server = await listenGrpc(
    {
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
      tls: {
        context: {
          certChainPem: serving.pem,
          privateKeyPem: privateKeyPem(key),
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          version: '1',
        },
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      },
    },
    (stream) => grpc.accept(stream),
  );

  const pod = readPodEnvironment(
    'sidecar',
    { ...ENV, CA_ADDR: `127.0.0.1:${server.port}` },
    { labels: 'app="web"\nversion="v1"\n', domain: 'default.svc.cluster.local' },
  );
  assert.ok(typeof pod !== 'string', String(pod));
  const parts = { clock, random: new SystemRandom(), log: silentLogger };
  const identity = await connectIdentity({
    ...parts,
    spec: pod,
    tokens: new PodTokens({
      ...parts,
      tokenFile: join(folder, 'istio-token'),
      rootsFile: join(folder, 'root-cert.pem'),
      listFile: join(folder, 'ca-crl.pem'),
      boundFile: join(folder, 'trust-domains.json'),
      trustDomain: pod.trustDomain,
    }),
    xds: pod.discovery,
    discoveryName: ISTIOD,
    version: '1.31.0',
  });
  const names = new MeshNames('default', 'cluster.local');
  const id = { type: pod.role, ip: pod.ip, workload: pod.name, namespace: pod.namespace, domain: 'cluster.local' };
  const proxy = await startAgentProxy({
    ...parts,
    net: new SystemNet(),
    identity,
    nodeId: formatNodeId(id),
    cluster: 'web.default',
    metadata: pod.metadata,
    adminPort,
    names,
  });
  t.after(async () => {
    await proxy.drain(10);
    identity.close();
    await server.close(0);
    app.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await proxy.ready;

  assert.equal((await fetchText(port, '/')).body, 'served');
  assert.deepEqual(new Set(csrTokens), new Set([TOKEN]));
  assert.deepEqual(new Set(streamTokens), new Set([TOKEN]));
  const [node] = nodes;
  assert.equal(node?.id, 'sidecar~127.0.0.1~web-5d4.default~default.svc.cluster.local');
  assert.equal(node?.cluster, 'web.default');
  const { NAMESPACE, SERVICE_ACCOUNT, WORKLOAD_NAME, CLUSTER_ID, MESH_ID, INTERCEPTION_MODE, LABELS, POD_PORTS } =
    node?.metadata ?? ({} as never);
  assert.deepEqual(
    [NAMESPACE, SERVICE_ACCOUNT, WORKLOAD_NAME, CLUSTER_ID, MESH_ID, INTERCEPTION_MODE],
    ['default', 'web', 'web', 'Kubernetes', 'cluster.local', 'NONE'],
  );
  assert.deepEqual({ ...LABELS }, { app: 'web', version: 'v1' });
  assert.match(POD_PORTS ?? '', /8080/);
  const { NODE_NAME, ANNOTATIONS } = (node?.metadata ?? {}) as unknown as Record<string, unknown>;
  assert.deepEqual([NODE_NAME, ANNOTATIONS], ['node-1', { a: 'b' }], 'whatever begins with ISTIO_META is passed on');
  await until('the name table', () => names.size > 0);
  assert.deepEqual(backend.rejections, []);
});
