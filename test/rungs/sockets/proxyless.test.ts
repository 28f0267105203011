// gRPC clients without a proxy on a mesh of real processes: routed by VirtualService, subsets and weights, with mutual TLS by the
// files of their agent, through random edits and a control plane that is killed. TOPSAIL_TEST_LONG=1 makes 500 edits.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { meshEntry, root, startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { MeshProcess } from '../../mesh/mesh-process.ts';
import { type Counts, ProxylessClient } from '../../proxyless/peer.ts';

const python = spawnSync('python3', ['-c', 'import grpc; grpc.xds_channel_credentials']).status === 0;
if (!python && process.env['CI'] !== undefined)
  throw new Error('CI is set, but Python has no grpcio: pip install grpcio');
const EDITS = (process.env['TOPSAIL_TEST_LONG'] ?? '') === '' ? 40 : 500;
const TARGET = 'xds:///greeter.default.svc.cluster.local:7070';
const APPLIED_WITHIN_MS = 120_000;

const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  'grpc-js-xds': [process.execPath, join(root, 'test/proxyless/client.ts')],
  ...(python ? { grpcio: ['python3', join(root, 'test/proxyless/client.py')] } : {}),
};

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: greeter, namespace: default }
spec: { selector: { app: greeter }, ports: [{ name: grpc, port: 7070 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: default }
spec:
  host: greeter
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;
const routes = (v1: number, jason = 'v2'): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: greeter, namespace: default }
spec:
  hosts: [greeter]
  http:
  - match: [{ headers: { end-user: { exact: jason } } }]
    route: [{ destination: { host: greeter, subset: ${jason} } }]
  - route:
    - { destination: { host: greeter, subset: v1 }, weight: ${v1} }
    - { destination: { host: greeter, subset: v2 }, weight: ${100 - v1} }
`;
const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: greeter, namespace: default }
spec: { selector: { matchLabels: { app: greeter } }, mtls: { mode: STRICT } }
`;
const only = (account: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: greeter, namespace: default }
spec:
  selector: { matchLabels: { app: greeter } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/${account}] } }] }]
`;

for (const [kind, program] of Object.entries(CLIENTS))
  describe(`a proxyless client, ${kind}`, () => proxyless(kind, program));

function proxyless(kind: string, program: readonly string[]): void {
  const name = `client-${kind.replace(/[^a-z]/g, '')}`;
  let mesh: TestMesh;
  let client: ProxylessClient;

  before(async () => {
    mesh = await startMesh({ workloads: [], config: [SERVICE, routes(50)] });
    await Promise.all(['v1', 'v2'].map((version) => startGreeter(mesh, version)));
    await mesh.settled(2);
    client = new ProxylessClient(mesh, name, program, TARGET);
    await client.ready();
  });
  after(async () => {
    await client.close();
    await mesh.stop();
  });

  /** Asks until the answers are as wanted; every call on the way must be answered. */
  const until = async (wanted: (counts: Counts) => boolean, headers: Readonly<Record<string, string>> = {}) => {
    let counts: Counts = {};
    for (const end = Date.now() + APPLIED_WITHIN_MS; Date.now() < end; ) {
      counts = await client.ask(20, headers);
      if (wanted(counts)) return;
      assert.deepEqual(failuresOf(counts), []);
    }
    assert.fail(`${JSON.stringify(counts)}\n${mesh.logs()}`);
  };

  test('is routed by weights and headers, and follows edits', async () => {
    const counts = await client.ask(300);
    assert.deepEqual(failuresOf(counts), []);
    assert.ok((counts['v1'] ?? 0) > 100 && (counts['v2'] ?? 0) > 100, JSON.stringify(counts));
    assert.deepEqual(await client.ask(20, { 'end-user': 'jason' }), { v2: 20 });
    await mesh.apply(routes(0, 'v1'));
    await until((now) => now['v2'] === 20);
    assert.deepEqual(await client.ask(20, { 'end-user': 'jason' }), { v1: 20 });
  });

  test('speaks mutual TLS where the workload asks for it, with the identity that its agent has', async () => {
    /** The client learns of TLS a little after its server does of the policy: then it may be refused once. */
    const allowed = async (wanted: boolean): Promise<void> => {
      let last: Counts = {};
      for (const end = Date.now() + APPLIED_WITHIN_MS; Date.now() < end; ) {
        last = await client.ask(10);
        if (wanted ? last['v2'] === 10 : failuresOf(last).some((text) => /denied/i.test(text))) return;
      }
      assert.fail(`${wanted ? 'allowed' : 'denied'} was expected: ${JSON.stringify(last)}\n${mesh.logs()}`);
    };
    await mesh.apply(strict);
    await allowed(true);
    await mesh.apply(only(name));
    await allowed(true);
    await mesh.apply(only('somebody-else'));
    await allowed(false);
    await mesh.delete('AuthorizationPolicy', 'greeter');
    await allowed(true);
  });

  test(`stays correct through ${EDITS} random edits, and while the control plane is away`, async () => {
    // A connection that was refused while TLS was switched on waits for gRPC's own back-off before it is tried again.
    await mesh.apply(routes(50));
    let settled: Counts = {};
    for (const end = Date.now() + APPLIED_WITHIN_MS; Date.now() < end; settled = await client.ask(20))
      if ((settled['v1'] ?? 0) > 0 && (settled['v2'] ?? 0) > 0 && failuresOf(settled).length === 0) break;
    let seed = 1;
    const roll = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
    for (let i = 0; i < EDITS; i++) {
      await mesh.apply(routes(roll(101), roll(2) === 0 ? 'v1' : 'v2'), { timeoutMs: 1 });
      assert.deepEqual(failuresOf(await client.ask(3)), []);
    }
    await mesh.apply(routes(100));
    await until((now) => now['v1'] === 20);
    await mesh.process('istiod').stop('SIGKILL');
    assert.deepEqual(await client.ask(50), { v1: 50 });
    await mesh.restartControlPlane();
    await mesh.apply(routes(0));
    await until((now) => now['v2'] === 20);
    const own = (await mesh.proxies()).filter((one) => one.type === 'sidecar' && one.name === name);
    assert.deepEqual(
      own.filter((one) => one.lastError !== ''),
      [],
    );
  });
}

async function startGreeter(mesh: TestMesh, version: string): Promise<void> {
  const name = `greeter-${version}`;
  const one = new MeshProcess({
    name,
    entry: meshEntry(),
    args: [
      ...['run', '--home', mesh.home, '--name', name, '--labels', `app=greeter,version=${version}`],
      ...['--service-account', 'greeter', '--port', 'grpc:7070', '--capture', 'none'],
      ...['--', process.execPath, join(root, 'test/proxyless/greeter.ts')],
    ],
    env: { VERSION: version, TOPSAIL_ROOT: root },
    log: join(mesh.home, 'logs', `${name}.log`),
  });
  mesh.processes.set(name, one);
  await one.start();
}

function failuresOf(counts: Counts): readonly string[] {
  return Object.keys(counts).filter((answer) => answer.startsWith('failed'));
}
