// Another authority signs for the mesh (ENABLE_CA_SERVER=false, as with cert-manager's istio-csr): the control plane serves with its
// certificate, leaves the ConfigMaps of roots to it, tells the API server its root, and signs nothing.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeSignCsr } from '#agent';
import { TYPE_URL } from '#base';
import { generateKeyPair, issueLeaf, makeCsr, makeIntermediate, makeRoot, privateKeyPem } from '#identity';
import { RESOURCES } from '#kube';
import { type ApiServer, must, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, Sidecar, shopToken, startControlPlane } from './control-plane.ts';

const root = makeRoot({ organization: 'corporate', nowMs: Date.now() });
const signer = makeIntermediate(root, { organization: 'issuer', nowMs: Date.now() });
const HOOK = 'istio-validator-istio-system';
let api: ApiServer;
let plane: ControlPlane;
let token = '';

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    must(
      await api.client.create(RESOURCES.validatingWebhooks, {
        metadata: { name: HOOK, labels: { 'istio.io/rev': 'default', app: 'istiod' } },
        webhooks: [
          {
            name: 'rev.validation.istio.io',
            clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path: '/validate' } },
            rules: [{ apiGroups: ['nobody.example'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['*'] }],
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      }),
    );
    const folder = join(api.folder, 'istiod-tls');
    mkdirSync(folder);
    const key = generateKeyPair();
    const names = ['istiod.istio-system.svc'];
    const asked = { spki: key.spki, uris: [], dns: names, ttlMs: 3_600_000, keyEncipherment: false };
    const files = {
      'tls.crt': issueLeaf(signer, asked, Date.now()).pem + signer.intermediatesPem,
      'tls.key': privateKeyPem(key),
      'root-cert.pem': root.rootsPem,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    plane = await startControlPlane(api, 'istiod-0', { ENABLE_CA_SERVER: 'false' }, [
      ...['--tlsCertFile', join(folder, 'tls.crt'), '--tlsKeyFile', join(folder, 'tls.key')],
      ...['--caCertFile', join(folder, 'root-cert.pem')],
    ]);
    token = await shopToken(api.client);
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

test('it serves pods with a certificate of that authority, and signs nothing', skipWithoutKube, async () => {
  const sidecar = new Sidecar({
    port: plane.xdsPort,
    token,
    roots: root.rootsPem,
    id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop' },
  });
  try {
    await until('a configuration', 60_000, async () => (sidecar.held.get(TYPE_URL.cluster)?.size ?? 0) > 0);
    const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/shop/sa/app');
    let said = '';
    // A busy machine may answer too late.
    await until(
      () => `the refusal: ${said}`,
      60_000,
      async () => {
        const signed = await makeSignCsr(sidecar.channel, async () => token)(csr, 3_600_000, undefined);
        assert.ok(!signed.ok, 'it was signed');
        said = signed.error.message;
        return /signed by another authority/.test(said);
      },
    );
  } finally {
    sidecar.close();
  }
});

test(
  'the API server is told that root, and the ConfigMaps of roots stay the authority’s',
  skipWithoutKube,
  async () => {
    const bundle = Buffer.from(root.rootsPem).toString('base64');
    await until('the webhook', 60_000, async () => {
      const hook = must(await api.client.get(RESOURCES.validatingWebhooks, { name: HOOK }));
      const [first] = hook['webhooks'] as readonly { readonly clientConfig: { readonly caBundle?: string } }[];
      return first?.clientConfig.caBundle === bundle;
    });
    const map = await api.client.get(RESOURCES.configMaps, { namespace: 'shop', name: 'istio-ca-root-cert' });
    assert.equal(map.ok, false);
    const own = await api.client.get(RESOURCES.secrets, { namespace: 'istio-system', name: 'istio-ca-secret' });
    assert.equal(own.ok, false, 'no root of its own was made');
  },
);
