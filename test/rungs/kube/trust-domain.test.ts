// The trust domain that ConfigMap `istio` names, in certificates of a control plane in a cluster; a change waits for the next start.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeSignCsr } from '#agent';
import { generateKeyPair, makeCsr } from '#identity';
import { RESOURCES } from '#kube';
import { type ApiServer, must, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, Sidecar, shopToken, startControlPlane } from './control-plane.ts';

let api: ApiServer;
let plane: ControlPlane;
let token = '';

async function configure(mesh: string): Promise<void> {
  const metadata = { name: 'istio', namespace: 'istio-system' };
  must(await api.client.apply(RESOURCES.configMaps, { metadata, data: { mesh } }, { force: true }));
}

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    await configure('trustDomain: example.org\n');
    plane = await startControlPlane(api);
    token = await shopToken(api.client);
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

/** What a workload's certificate says, whatever it asks for; asked again where a busy machine answers too late. */
async function identity(): Promise<string> {
  let said = '';
  await until(
    () => `a certificate: ${said}`,
    60_000,
    async () => (said = await identityOnce()).startsWith('URI:'),
  );
  return said;
}

async function identityOnce(): Promise<string> {
  const sidecar = new Sidecar({
    port: plane.xdsPort,
    token,
    roots: await meshRoots(api.client, 'shop'),
    id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop' },
  });
  try {
    const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/shop/sa/app');
    const signed = await makeSignCsr(sidecar.channel, async () => token)(csr, 3_600_000, undefined as never);
    return signed.ok ? (new X509Certificate(signed.value[0] as string).subjectAltName ?? '') : signed.error.message;
  } finally {
    sidecar.close();
  }
}

test('certificates are of the trust domain of the ConfigMap', skipWithoutKube, async () => {
  assert.equal(await identity(), 'URI:spiffe://example.org/ns/shop/sa/app');
});

test('another one is told of, and waits', skipWithoutKube, async () => {
  await configure('trustDomain: other.example\n');
  await until('the warning', 60_000, async () => plane.output().includes('another trustDomain is configured'));
  assert.equal(await identity(), 'URI:spiffe://example.org/ns/shop/sa/app');
});

test('after a restart it is in force', skipWithoutKube, async () => {
  await plane.stop();
  plane = await startControlPlane(api, 'istiod-1');
  assert.equal(await identity(), 'URI:spiffe://other.example/ns/shop/sa/app');
});
