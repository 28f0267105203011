// An intermediate that cert-manager keeps in the Secret `cacerts` (a stand-in writes it as cert-manager does), renewed while
// the control plane runs, and the corporation's revocation list, on its way to every namespace.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeSignCsr } from '#agent';
import { generateKeyPair, makeCsr, makeIntermediate, makeRoot, privateKeyPem, type SigningAuthority } from '#identity';
import { RESOURCES } from '#kube';
import { formatPem, writeRevocationList } from '#wire/tls';
import { type ApiServer, must, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, Sidecar, shopToken, startControlPlane } from './control-plane.ts';

const SECRETS = RESOURCES.secrets;
const corporate = makeRoot({ organization: 'corporate', nowMs: Date.now() });
const made = (organization: string): SigningAuthority =>
  makeIntermediate(corporate, { organization, nowMs: Date.now() });
let api: ApiServer;
let plane: ControlPlane;
let token = '';

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    await issue(made('first'));
    plane = await startControlPlane(api);
    token = await shopToken(api.client);
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

/** As cert-manager writes the Secret of a Certificate with isCA. */
async function issue(authority: SigningAuthority, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const data = {
    'tls.crt': `${formatPem('CERTIFICATE', authority.certificate.der)}${authority.intermediatesPem}`,
    'tls.key': privateKeyPem(authority.key),
    'ca.crt': corporate.rootsPem,
    ...more,
  };
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  must(
    await api.client.apply(
      SECRETS,
      {
        metadata: { name: 'cacerts', namespace: 'istio-system' },
        type: 'kubernetes.io/tls',
        data: Object.fromEntries(encoded),
      },
      { force: true },
    ),
  );
}

async function published(): Promise<Readonly<Record<string, string>>> {
  const map = await api.client.get(RESOURCES.configMaps, { namespace: 'shop', name: 'istio-ca-root-cert' });
  return map.ok ? ((map.value['data'] ?? {}) as Readonly<Record<string, string>>) : {};
}

const said = (words: string): boolean => plane.output().includes(words);

/** The subject of whoever signs a workload's certificate now. */
async function issuer(): Promise<string> {
  const sidecar = new Sidecar({
    port: plane.xdsPort,
    token,
    roots: corporate.rootsPem,
    id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop' },
  });
  try {
    const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/shop/sa/app');
    const signed = await makeSignCsr(sidecar.channel, async () => token)(csr, 3_600_000, undefined as never);
    return signed.ok ? new X509Certificate(signed.value[0] as string).issuer : '';
  } finally {
    sidecar.close();
  }
}

test(
  'the intermediate in the Secret signs, and the one that replaces it signs from then on',
  skipWithoutKube,
  async () => {
    await until('the root', 60_000, async () => (await published())['root-cert.pem'] === corporate.rootsPem);
    await until('the first signs', 60_000, async () => (await issuer()).includes('first'));
    await issue(made('second'));
    await until('the second signs', 60_000, async () => (await issuer()).includes('second'));
    assert.equal((await published())['root-cert.pem'], corporate.rootsPem);
  },
);

test('half a renewal leaves what was in force', skipWithoutKube, async () => {
  await issue(made('third'), { 'tls.key': privateKeyPem(generateKeyPair()) });
  await until('the complaint', 60_000, () => said('plugged-in authority not reloaded'));
  // '' is a call that a busy machine did not bring to its end in time.
  let signs = '';
  await until('an answer', 60_000, async () => (signs = await issuer()) !== '');
  assert.match(signs, /second/);
});

test('a revocation list beside them reaches every namespace, and goes again', skipWithoutKube, async () => {
  const authority = made('fourth');
  const list = formatPem(
    'X509 CRL',
    writeRevocationList(
      {
        issuer: corporate.certificate.subject,
        authorityKeyId: corporate.key.keyId,
        thisUpdateMs: Date.now() - 60_000,
        nextUpdateMs: Date.now() + 3_600_000,
        number: 1,
        revoked: [{ serial: '1234', atMs: Date.now() - 60_000 }],
      },
      corporate.key,
    ),
  );
  assert.equal((await published())['ca-crl.pem'], undefined);
  await issue(authority, { 'ca-crl.pem': list });
  await until('the list', 60_000, async () => (await published())['ca-crl.pem'] === list);
  await issue(authority);
  await until('no list', 60_000, async () => (await published())['ca-crl.pem'] === undefined);
  assert.equal((await published())['root-cert.pem'], corporate.rootsPem);
});
