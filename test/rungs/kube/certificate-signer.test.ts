// A signer of the cluster signs workloads' certificates through CertificateSigningRequests (EXTERNAL_CA): a stand-in signs
// what is approved, and the control plane hands on only what was asked for.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeSignCsr } from '#agent';
import { FakeClock } from '#base';
import {
  generateKeyPair,
  issueLeaf,
  makeCsr,
  makeIntermediate,
  makePeerCheck,
  makeRoot,
  type SigningAuthority,
} from '#identity';
import { RESOURCES } from '#kube';
import { parseCertificateRequest, pemBlocks } from '#wire/tls';
import { type ApiServer, must, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, Sidecar, shopToken, startControlPlane } from './control-plane.ts';

const TYPE = RESOURCES.certificateSigningRequests;
const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/app';
const ISSUER = 'issuers.example.org/mesh';
const root = makeRoot({ organization: 'cluster issuer', nowMs: Date.now() });
const issuer: SigningAuthority = makeIntermediate(root, { organization: 'cluster issuer', nowMs: Date.now() });
let api: ApiServer;
let plane: ControlPlane;
let token = '';
let standIn: NodeJS.Timeout | undefined;
/** What the stand-in puts in place of the name that is asked for. */
let forged: string | undefined;
const seen: { readonly asked: readonly string[]; readonly signer: string; readonly usages: readonly string[] }[] = [];

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    const pem = root.rootsPem.trim().replaceAll('\n', '\n      ');
    must(
      await api.client.create(RESOURCES.configMaps, {
        metadata: { name: 'istio', namespace: 'istio-system' },
        data: {
          mesh: `caCertificates:\n  - certSigners: [${ISSUER}]\n    pem: |\n      ${pem}\n`,
        },
      }),
    );
    plane = await startControlPlane(api, 'istiod-0', {
      EXTERNAL_CA: 'ISTIOD_RA_KUBERNETES_API',
      K8S_SIGNER: ISSUER,
      CERT_SIGNER_DOMAIN: 'issuers.example.org',
    });
    token = await shopToken(api.client);
    signWhatIsApproved();
  });
  after(async () => {
    clearTimeout(standIn);
    standIn = undefined;
    await plane?.stop();
    await api?.stop();
  });
}

interface Request {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly request: string; readonly signerName: string; readonly usages: readonly string[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string }[]; readonly certificate?: string };
}

/** As a controller of the signer does. */
function signWhatIsApproved(): void {
  const look = async (): Promise<void> => {
    const all = await api.client.list(TYPE);
    for (const one of (all.ok ? all.value : []) as unknown as readonly Request[]) {
      const approved = one.status?.conditions?.some(({ type }) => type === 'Approved') === true;
      if (!approved || one.status?.certificate !== undefined || one.spec.signerName !== ISSUER) continue;
      const blocks = pemBlocks(Buffer.from(one.spec.request, 'base64').toString('utf8'), 'CERTIFICATE REQUEST');
      const csr = blocks.ok ? parseCertificateRequest(blocks.value[0] as Uint8Array) : blocks;
      if (!csr.ok) throw csr.error;
      seen.push({ asked: csr.value.names.uris, signer: one.spec.signerName, usages: one.spec.usages });
      const uris = forged === undefined ? csr.value.names.uris : [forged];
      const ask = { spki: csr.value.publicKey.spki, uris, ttlMs: 3_600_000, keyEncipherment: false };
      const chain = issueLeaf(issuer, ask, Date.now()).pem + issuer.intermediatesPem;
      const certificate = Buffer.from(chain, 'utf8').toString('base64');
      const status = { ...one.status, certificate };
      // Somebody else may have taken it away meanwhile.
      await api.client.replace(TYPE, { ...one, status } as never, 'status');
    }
    if (standIn !== undefined) standIn = setTimeout(() => void look(), 100);
  };
  standIn = setTimeout(() => void look(), 0);
}

async function ask(asked: string, signer = ''): Promise<readonly string[] | string> {
  const sidecar = new Sidecar({
    port: plane.xdsPort,
    token,
    roots: await meshRoots(api.client, 'shop'),
    id: 'sidecar~10.1.1.1~app-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop' },
  });
  try {
    const csr = makeCsr(generateKeyPair(), asked);
    const signed = await makeSignCsr(sidecar.channel, async () => token, signer)(csr, 3_600_000, undefined as never);
    return signed.ok ? signed.value : signed.error.message;
  } finally {
    sidecar.close();
  }
}

/** Asked again where a busy machine answers too late. */
async function signed(asked: string, signer = ''): Promise<readonly string[]> {
  let said: readonly string[] | string = '';
  await until(
    () => `a certificate: ${String(said)}`,
    60_000,
    async () => typeof (said = await ask(asked, signer)) !== 'string',
  );
  return said as unknown as readonly string[];
}

/** Never signed, and why in the end. */
async function refused(why: RegExp, asked: string, signer = ''): Promise<void> {
  let said: readonly string[] | string = '';
  await until(
    () => `${String(why)}: ${String(said)}`,
    60_000,
    async () => {
      said = await ask(asked, signer);
      assert.equal(typeof said, 'string', `${asked} was signed`);
      return why.test(String(said));
    },
  );
}

test(
  "the cluster's signer signs, its root is trusted everywhere, and nothing is left behind",
  skipWithoutKube,
  async () => {
    await until('the root', 60_000, async () => (await meshRoots(api.client, 'shop')).includes(root.rootsPem));
    const [leaf = '', between = '', roots = ''] = await signed(IDENTITY);
    assert.equal(new X509Certificate(leaf).subjectAltName, `URI:${IDENTITY}`);
    assert.equal(between, issuer.intermediatesPem);
    const check = makePeerCheck({
      roots,
      crl: '',
      sanMatchers: [],
      trustDomains: ['cluster.local'],
      required: true,
      peerIs: 'server',
      clock: new FakeClock(Date.now()),
    });
    const ders = [leaf, between].map((pem) => new X509Certificate(pem).raw);
    assert.ok(check({ chain: ders, resumed: false, sni: '' }).ok);
    const last = seen.at(-1);
    assert.deepEqual(
      [last?.signer, last?.usages],
      [ISSUER, ['digital signature', 'key encipherment', 'server auth', 'client auth']],
    );
    await until('the request is taken away', 60_000, async () => must(await api.client.list(TYPE)).length === 0);
    assert.match(
      plane.output(),
      /certificate issued.*spiffe:\/\/cluster\.local\/ns\/shop\/sa\/app.*issuers\.example\.org\/mesh/,
    );
  },
);

test('a workload names its signer, below the domain that the operator set', skipWithoutKube, async () => {
  await signed(IDENTITY, 'mesh');
  await refused(/has no root in caCertificates/, IDENTITY, 'unheard-of');
  await refused(/no name of a signer/, IDENTITY, '../admin');
});

test('neither a request for another name nor a certificate with another passes', skipWithoutKube, async () => {
  const admin = 'spiffe://cluster.local/ns/shop/sa/admin';
  await refused(/exactly the identity of the caller/, admin);
  assert.ok(!seen.some(({ asked }) => asked.includes(admin)), 'the signer heard nothing of it');
  forged = admin;
  await refused(/another certificate than the one asked for.*sa\/admin/, IDENTITY);
  forged = undefined;
  await signed(IDENTITY);
});
