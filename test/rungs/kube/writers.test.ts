// What the replica that leads writes for all: Programmed n/m over every replica's proxies, and nodes whose taint goes once the CNI plugin is ready.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TYPE_URL } from '#base';
import { type KubeObject, RESOURCES } from '#kube';
import { type ApiServer, must, resourceOf, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, podToken, shopToken, Sidecar, startControlPlane } from './control-plane.ts';

const SYSTEM = 'istio-system';
const WITHIN_MS = 120_000;
const RULES = resourceOf('DestinationRule');
const REFUSED = 'outbound|9080|refused|reviews.shop.svc.cluster.local';
let api: ApiServer;
const planes = new Map<string, ControlPlane>();

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of [SYSTEM, 'shop']) must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    must(
      await api.client.create(RESOURCES.services, {
        metadata: { name: 'reviews', namespace: 'shop' },
        spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
      }),
    );
    must(await api.client.create(resourceOf('ServiceAccount'), { metadata: { name: 'istiod', namespace: SYSTEM } }));
    const starting = ['istiod-0', 'istiod-1'].map(async (name) => {
      const env = { POD_IP: '127.0.0.1', TOPSAIL_TOKEN_FILE: await tokenOf(name) };
      planes.set(name, await startControlPlane(api, name, env, ['--untaint-nodes', 'true']));
    });
    await Promise.all(starting);
  });
  after(async () => {
    for (const plane of planes.values()) await plane.stop();
    await api?.stop();
  });
}

test('Programmed counts the proxies of all replicas, and names one that refuses', skipWithoutKube, async () => {
  const token = await shopToken(api.client);
  const roots = await meshRoots(api.client, 'shop');
  const leader = await holder();
  const sidecars = [...planes].map(
    ([name, { xdsPort: port }]) =>
      new Sidecar({
        port,
        token,
        roots,
        id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
        metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'app', INTERCEPTION_MODE: 'REDIRECT' },
        refuses: (cluster) => cluster === REFUSED && name !== leader,
      }),
  );
  for (const sidecar of sidecars)
    await until(
      () => `clusters: ${sidecar.lastError}`,
      WITHIN_MS,
      () => sidecar.held.get(TYPE_URL.cluster) !== undefined,
    );
  await makeRule('v1');
  await until('2/2', WITHIN_MS, async () => (await programmed('v1')) === 'True 2/2 proxies');
  await makeRule('refused');
  let refused = '';
  await until('the refusal', WITHIN_MS, async () =>
    (refused = await programmed('refused')).startsWith('False 1/2 proxies; rej'),
  );
  assert.match(refused, /rejected by app-1\.shop: .*cannot use it/);

  const [first] = planes.values();
  assert.equal(await ask(first as ControlPlane, ''), 401);
  assert.equal(await ask(first as ControlPlane, token), 401, 'a workload is no replica');

  const [name, other] = [...planes].find(([one]) => one !== leader) as [string, ControlPlane];
  await other.stop();
  planes.delete(name);
  await makeRule('v2');
  await until('1/1', WITHIN_MS, async () => (await programmed('v2')) === 'True 1/1 proxies');
  for (const sidecar of sidecars) sidecar.close();
});

test("a node's taint goes when the CNI plugin's agent is ready there, and others stay", skipWithoutKube, async () => {
  const tainted = (name: string): KubeObject => ({
    metadata: { name },
    spec: {
      taints: [
        { key: 'cni.istio.io/not-ready', effect: 'NoSchedule' },
        { key: 'example.org/mine', value: 'yes', effect: 'NoExecute' },
      ],
    },
  });
  for (const name of ['n1', 'n2']) must(await api.client.create(RESOURCES.nodes, tainted(name)));
  const agent = async (node: string, ready: boolean): Promise<void> => {
    const place = { name: `istio-cni-node-${node}`, namespace: SYSTEM };
    const metadata = { ...place, labels: { 'k8s-app': 'istio-cni-node' } };
    const spec = {
      nodeName: node,
      automountServiceAccountToken: false,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'a', image: 'a' }],
    };
    must(await api.client.create(RESOURCES.pods, { metadata, spec }));
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
    must(
      await api.client.apply(
        RESOURCES.pods,
        { metadata: place, status: { conditions } },
        { force: true, subresource: 'status' },
      ),
    );
  };
  await agent('n2', false);
  await agent('n1', true);
  const keys = async (name: string): Promise<readonly string[]> => {
    const { taints = [] } = must(await api.client.get(RESOURCES.nodes, { name }))['spec'] as {
      taints?: { key: string }[];
    };
    return taints.map(({ key }) => key).filter((key) => !key.startsWith('node.kubernetes.io/'));
  };
  await until('the taint to go', WITHIN_MS, async () => !(await keys('n1')).includes('cni.istio.io/not-ready'));
  assert.deepEqual(await keys('n1'), ['example.org/mine']);
  assert.deepEqual(await keys('n2'), ['cni.istio.io/not-ready', 'example.org/mine']);
});

/** As the kubelet mounts it into the control plane's pod. */
async function tokenOf(name: string): Promise<string> {
  const pod = must(
    await api.client.create(RESOURCES.pods, {
      metadata: { name, namespace: SYSTEM },
      spec: {
        serviceAccountName: 'istiod',
        automountServiceAccountToken: false,
        containers: [{ name: 'a', image: 'a' }],
      },
    }),
  );
  const { uid = '' } = pod.metadata;
  const file = join(api.folder, `${name}-token`);
  writeFileSync(file, await podToken(api.client, { namespace: SYSTEM, name, serviceAccount: 'istiod', uid }));
  return file;
}

test('virtual addresses that hosts were given stand in the status of their ServiceEntry', skipWithoutKube, async () => {
  const type = resourceOf('ServiceEntry');
  const hosts = ['a.example.com', 'b.example.com'];
  const ports = [{ number: 443, name: 'tls', protocol: 'TLS' }];
  const make = async (name: string, spec: object): Promise<void> =>
    void must(await api.client.create(type, { metadata: { name, namespace: 'shop' }, spec: { ports, ...spec } }));
  await make('own', { hosts: ['c.example.com'], addresses: ['10.9.0.1'], resolution: 'DNS' });
  await make('given', { hosts, resolution: 'DNS' });
  const statusOf = async (name: string): Promise<{ addresses?: { host: string; value: string }[] }> =>
    must(await api.client.get(type, { namespace: 'shop', name }))['status'] ?? {};
  await until('addresses', WITHIN_MS, async () => (await statusOf('given')).addresses !== undefined);
  const { addresses = [] } = await statusOf('given');
  assert.deepEqual(
    addresses.map(({ host }) => host),
    ['a.example.com', 'a.example.com', 'b.example.com', 'b.example.com'],
  );
  for (const [i, { value }] of addresses.entries())
    assert.match(value, i % 2 === 0 ? /^240\.240\.\d+\.\d+$/ : /^2001:2::/);
  await until('a status', WITHIN_MS, async () => Object.keys(await statusOf('own')).length > 0);
  assert.equal((await statusOf('own')).addresses, undefined);
});

async function makeRule(name: string): Promise<void> {
  const spec = { host: 'reviews', subsets: [{ name, labels: { version: name } }] };
  must(await api.client.create(RULES, { metadata: { name, namespace: 'shop' }, spec }));
}

async function programmed(name: string): Promise<string> {
  const object = must(await api.client.get(RULES, { namespace: 'shop', name }));
  const { conditions = [] } = (object['status'] ?? {}) as {
    conditions?: { type: string; status: string; message: string }[];
  };
  const found = conditions.find(({ type }) => type === 'Programmed');
  return `${found?.status} ${found?.message}`;
}

/** The pod that holds the lease. */
async function holder(): Promise<string> {
  let holderIdentity = '';
  await until('a leader', WITHIN_MS, async () => {
    const lease = await api.client.get(RESOURCES.leases, { namespace: SYSTEM, name: 'istio-leader' });
    ({ holderIdentity = '' } = (lease.ok ? lease.value['spec'] : {}) as { holderIdentity?: string });
    return holderIdentity !== '';
  });
  return holderIdentity.slice(0, holderIdentity.indexOf('_'));
}

/** The status of the answer to somebody who wants to know. */
function ask({ httpsPort }: ControlPlane, token: string): Promise<number> {
  const body = JSON.stringify({ kind: 'DestinationRule', namespace: 'shop', name: 'v1', generation: 1 });
  const headers = { 'content-length': body.length, ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: httpsPort, path: '/programmed', method: 'POST', headers, rejectUnauthorized: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
