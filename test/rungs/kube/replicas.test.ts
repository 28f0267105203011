// Two replicas of the control plane: both serve, one writes; when it dies without a word, the other writes once the lease is over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TYPE_URL } from '#base';
import { type KubeObject, RESOURCES } from '#kube';
import { type ApiServer, must, resourceOf, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, shopToken, Sidecar, startControlPlane } from './control-plane.ts';

/** The lease lasts 30 s: each of these waits for one to end. */
const slow: { readonly skip?: string } =
  skipWithoutKube.skip !== undefined
    ? skipWithoutKube
    : process.env['TOPSAIL_TEST_LONG'] === undefined
      ? { skip: 'set TOPSAIL_TEST_LONG' }
      : {};
const REVIEWS = 'outbound|9080||reviews.shop.svc.cluster.local';
const RULES = resourceOf('DestinationRule');
let api: ApiServer;
const planes = new Map<string, ControlPlane>();

if (slow.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    must(
      await api.client.create(RESOURCES.services, {
        metadata: { name: 'reviews', namespace: 'shop' },
        spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
      }),
    );
    for (const name of ['istiod-0', 'istiod-1']) planes.set(name, await startControlPlane(api, name));
  });
  after(async () => {
    for (const plane of planes.values()) await plane.stop();
    await api?.stop();
  });
}

test('both replicas serve, one of them writes, and the other does after its death', slow, async () => {
  const token = await shopToken(api.client);
  const roots = await meshRoots(api.client, 'shop');
  const sidecars = new Map([...planes].map(([name, { xdsPort }]) => [name, sidecarAt(xdsPort, token, roots)]));
  for (const [name, sidecar] of sidecars)
    await until(`clusters of ${name}`, 120_000, () => sidecar.held.get(TYPE_URL.cluster)?.has(REVIEWS) === true);

  await makeRule('first');
  await until('a status', 120_000, async () => programmed(await rule('first')));
  const leader = await holder();
  const other = leader === 'istiod-0' ? 'istiod-1' : 'istiod-0';
  assert.ok(planes.has(leader), leader);
  for (const [name, sidecar] of sidecars)
    await until(`the rule at ${name}`, 120_000, () => hasSubset(sidecar, 'first'));
  // Two writers would undo each other's work for ever.
  const settled = (await rule('first')).metadata.resourceVersion;
  await new Promise((resolve) => setTimeout(resolve, 5000));
  assert.equal((await rule('first')).metadata.resourceVersion, settled);

  await planes.get(leader)?.kill();
  await makeRule('second');
  const survivor = sidecars.get(other) as Sidecar;
  await until('the new rule', 120_000, () => hasSubset(survivor, 'second'));
  assert.equal(
    programmed(await rule('second')) && (await holder()) === leader,
    false,
    'the dead one cannot have written',
  );
  await until('another leader', 120_000, async () => (await holder()) === other);
  await until('its status', 120_000, async () => programmed(await rule('second')));
  assert.equal(survivor.connected, true);
  for (const sidecar of sidecars.values()) sidecar.close();
});

function sidecarAt(port: number, token: string, roots: string): Sidecar {
  return new Sidecar({
    port,
    token,
    roots,
    id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'app', INTERCEPTION_MODE: 'REDIRECT' },
  });
}

/** A subset of this name, which shows in clusters. */
async function makeRule(name: string): Promise<void> {
  const trafficPolicy = { outlierDetection: { baseEjectionTime: '7s' } };
  must(
    await api.client.create(RULES, {
      metadata: { name, namespace: 'shop' },
      spec: { host: 'reviews', subsets: [{ name, labels: { version: name }, trafficPolicy }] },
    }),
  );
}

async function rule(name: string): Promise<KubeObject> {
  return must(await api.client.get(RULES, { namespace: 'shop', name }));
}

function programmed(object: KubeObject): boolean {
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === 'Programmed' && status === 'True');
}

/** The pod that holds the lease. */
async function holder(): Promise<string> {
  const lease = await api.client.get(RESOURCES.leases, { namespace: 'istio-system', name: 'istio-leader' });
  const { holderIdentity = '' } = (lease.ok ? lease.value['spec'] : {}) as { holderIdentity?: string };
  return holderIdentity.slice(0, holderIdentity.indexOf('_'));
}

function hasSubset(sidecar: Sidecar, subset: string): boolean {
  return sidecar.held.get(TYPE_URL.cluster)?.has(REVIEWS.replace('||', `|${subset}|`)) === true;
}
