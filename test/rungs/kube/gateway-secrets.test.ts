// A gateway's key goes to the pod that is the gateway, not to a neighbour in its namespace that says it were one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TYPE_URL } from '#base';
import { generateKeyPair, issueLeaf, makeRoot, privateKeyPem } from '#identity';
import { RESOURCES } from '#kube';
import { type ApiServer, must, resourceOf, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, podToken, Sidecar, startControlPlane } from './control-plane.ts';

const SECRET = 'kubernetes://shop-cert';
const LABELS = { istio: 'entrance' };
let api: ApiServer;
let plane: ControlPlane;
let roots = '';

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    for (const name of ['entrance', 'app'])
      must(await api.client.create(resourceOf('ServiceAccount'), { metadata: { name, namespace: 'shop' } }));
    const key = generateKeyPair();
    const leaf = issueLeaf(
      makeRoot({ organization: 'shop', nowMs: Date.now() }),
      { spki: key.spki, uris: [], dns: ['shop.example'], ttlMs: 3_600_000, keyEncipherment: false },
      Date.now(),
    );
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    must(
      await api.client.create(RESOURCES.secrets, {
        metadata: { name: 'shop-cert', namespace: 'shop' },
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': base64(leaf.pem), 'tls.key': base64(privateKeyPem(key)) },
      }),
    );
    const tls = { mode: 'SIMPLE', credentialName: 'shop-cert' };
    must(
      await api.client.create(resourceOf('Gateway'), {
        metadata: { name: 'entrance', namespace: 'shop' },
        spec: {
          selector: LABELS,
          servers: [{ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['shop.example'], tls }],
        },
      }),
    );
    plane = await startControlPlane(api);
    roots = await meshRoots(api.client, 'shop');
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

async function makePod(name: string, serviceAccount: string, labels: Readonly<Record<string, string>>) {
  const spec = { serviceAccountName: serviceAccount, automountServiceAccountToken: false };
  const made = must(
    await api.client.create(RESOURCES.pods, {
      metadata: { name, namespace: 'shop', labels },
      spec: { ...spec, containers: [{ name: 'a', image: 'a' }] },
    }),
  );
  must(
    await api.client.apply(
      RESOURCES.pods,
      {
        metadata: { name, namespace: 'shop' },
        status: { phase: 'Running', podIP: '10.1.1.9', podIPs: [{ ip: '10.1.1.9' }] },
      },
      { force: true, subresource: 'status' },
    ),
  );
  const { uid } = made.metadata as { readonly uid: string };
  return podToken(api.client, { namespace: 'shop', name, serviceAccount, uid });
}

function asGateway(token: string, pod: string): Sidecar {
  const gateway = new Sidecar({
    port: plane.xdsPort,
    token,
    roots,
    id: `router~10.1.1.9~${pod}.shop~shop.svc.cluster.local`,
    metadata: { NAMESPACE: 'shop', LABELS },
  });
  gateway.subscribe(TYPE_URL.secret, [SECRET]);
  return gateway;
}

test('the gateway’s pod gets its key', skipWithoutKube, async () => {
  const gateway = asGateway(await makePod('entrance-1', 'entrance', { ...LABELS, app: 'entrance' }), 'entrance-1');
  await until('the key', 60_000, () => gateway.text(TYPE_URL.secret, SECRET).includes('PRIVATE KEY'));
  gateway.close();
});

test('a neighbour that claims its labels, or its name, gets nothing', skipWithoutKube, async () => {
  const token = await makePod('app-1', 'app', { app: 'app' });
  for (const pod of ['app-1', 'entrance-1']) {
    const thief = asGateway(token, pod);
    await until('the refusal', 60_000, () => thief.lastError !== '');
    assert.equal(thief.text(TYPE_URL.secret, SECRET), '');
    assert.equal(thief.held.size, 0);
    thief.close();
  }
});
