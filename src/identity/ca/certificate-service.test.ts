import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { err, FakeClock, ok, silentLogger } from '#base';
import { IstioCertificateRequestSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { formatPem, parseCertificate, pemBlocks, writeCertificateRequest, writeName } from '#wire/tls';
import { makeCsr } from '../agent/certificate-manager.ts';
import { generateKeyPair } from '../key-pair.ts';
import { MemoryFs, TEST_IDENTITY, weakSpki } from '../testing/make-peer.ts';
import type { Caller } from '../token/caller.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { makeCertificateService } from './certificate-service.ts';
import type { CertificateServiceOptions } from './certificate-service.ts';
import type { ExternalSigner } from './external-signer.ts';
import { issueLeaf, makeIntermediate, makeRoot } from './signing-authority.ts';
import type { SigningAuthority } from './signing-authority.ts';

const NOW = 1_750_000_000_000;
const caller: Caller = {
  spiffeId: TEST_IDENTITY,
  namespace: 'default',
  serviceAccount: 'reviews',
  workload: 'reviews-v1',
};

async function service(more: Partial<CertificateServiceOptions> = {}, clock = new FakeClock(NOW)) {
  const started = await CertificateAuthority.start({
    fs: new MemoryFs(),
    clock,
    log: silentLogger,
    folder: 'ca',
    trustDomain: 'cluster.local',
  });
  if (!started.ok) throw started.error;
  const sign = makeCertificateService({ authority: started.value, clock, log: silentLogger, ...more });
  return async (csr: string, validityDuration = 0n, metadata: JsonObject = {}, who = caller) => {
    const answer = await sign(create(IstioCertificateRequestSchema, { csr, validityDuration, metadata }), who);
    if (!answer.ok) return answer.error.code;
    const blocks = pemBlocks(answer.value.certChain[0] ?? '', 'CERTIFICATE');
    const parsed = blocks.ok ? parseCertificate(blocks.value[0] as Uint8Array) : blocks;
    if (!parsed.ok) throw parsed.error;
    return parsed.value;
  };
}

test('the certificate carries the name of the caller, whatever the request asks for', async () => {
  const sign = await service();
  const leaf = await sign(makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/istio-system/sa/istiod'));
  assert.ok(typeof leaf === 'object');
  assert.deepEqual(leaf.names.uris, [TEST_IDENTITY]);
  assert.deepEqual(leaf.names.dns, []);
});

test('the wanted life is granted within bounds', async () => {
  const sign = await service();
  for (const [seconds, ms] of [
    [30n, 30_000],
    [0n, 86_400_000],
    [-5n, 86_400_000],
    [2n ** 62n, 90 * 86_400_000],
  ] as const) {
    const leaf = await sign(makeCsr(generateKeyPair(), TEST_IDENTITY), seconds);
    assert.equal(typeof leaf === 'object' ? leaf.notAfterMs : leaf, NOW + ms);
  }
});

test('a request that another key signed proves no possession', async () => {
  const [own, other] = [generateKeyPair(), generateKeyPair()];
  const forged = writeCertificateRequest({ subject: writeName(''), spki: other.spki, uris: [] }, own);
  assert.equal(await (await service())(formatPem('CERTIFICATE REQUEST', forged)), 'csr_no_possession');
});

test('requests that are malformed, doubled, too large or of a weak key are refused with their reason', async () => {
  const sign = await service();
  const good = makeCsr(generateKeyPair(), TEST_IDENTITY);
  const weak = writeCertificateRequest({ subject: writeName(''), spki: weakSpki(), uris: [] }, generateKeyPair());
  assert.equal(await sign(''), 'csr_malformed');
  assert.equal(await sign(good + good), 'csr_malformed');
  assert.equal(await sign(good.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')), 'csr_malformed');
  assert.equal(await sign(' '.repeat(20_000)), 'csr_too_large');
  assert.equal(await sign(formatPem('CERTIFICATE REQUEST', weak)), 'csr_weak_key');
});

test('one caller in a loop is stopped, others are not, and after a while it may again', async () => {
  const clock = new FakeClock(NOW);
  const sign = await service({}, clock);
  const csr = makeCsr(generateKeyPair(), TEST_IDENTITY);
  for (let i = 0; i < 20; i++) assert.equal(typeof (await sign(csr)), 'object');
  assert.equal(await sign(csr), 'csr_rate_limited');
  const other = { ...caller, spiffeId: 'spiffe://cluster.local/ns/default/sa/ratings' };
  assert.equal(typeof (await sign(csr, 0n, {}, other)), 'object');
  clock.advance(1000);
  assert.equal(typeof (await sign(csr)), 'object');
});

test('only who may impersonate gets a certificate of another identity, and only of this trust domain', async () => {
  const wanted = 'spiffe://cluster.local/ns/shop/sa/cart';
  const csr = makeCsr(generateKeyPair(), wanted);
  assert.equal(await (await service())(csr, 0n, { ImpersonatedIdentity: wanted }), 'csr_impersonation');
  const node = await service({ mayImpersonate: (who) => who.serviceAccount === 'reviews' });
  const leaf = await node(csr, 0n, { ImpersonatedIdentity: wanted });
  assert.deepEqual(typeof leaf === 'object' ? leaf.names.uris : leaf, [wanted]);
  assert.equal(await node(csr, 0n, { ImpersonatedIdentity: 'spiffe://other/ns/shop/sa/cart' }), 'csr_impersonation');
  assert.equal(await node(csr, 0n, { ImpersonatedIdentity: 7 }), 'csr_impersonation');
});

test("a signer's certificate is handed on only if it is exactly what was asked for, below a root of that signer", async () => {
  const clock = new FakeClock(NOW);
  const theirs = makeRoot({ organization: 'theirs', nowMs: NOW });
  const between = makeIntermediate(theirs, { organization: 'theirs', nowMs: NOW });
  const strange = makeRoot({ organization: 'strange', nowMs: NOW });
  const mine = generateKeyPair();
  const by = (authority: SigningAuthority, uris: readonly string[], key = mine, dns: readonly string[] = []): string =>
    issueLeaf(authority, { spki: key.spki, uris, dns, ttlMs: 3_600_000, keyEncipherment: false }, NOW).pem +
    authority.intermediatesPem;
  const started = await CertificateAuthority.start({
    fs: new MemoryFs(),
    clock,
    log: silentLogger,
    folder: 'ca',
    trustDomain: 'cluster.local',
  });
  assert.ok(started.ok);
  const authority = started.value;
  authority.setExtraRoots([
    { pem: theirs.rootsPem, trustDomains: [], certSigners: ['issuers.example/mesh'] },
    { pem: strange.rootsPem, trustDomains: [], certSigners: ['issuers.example/other'] },
  ]);
  let answer = by(between, [TEST_IDENTITY]);
  const asked: string[] = [];
  const signer: ExternalSigner = {
    nameFor: (name) => (name === 'nobody' ? err('unknown') : ok(`issuers.example/${name || 'mesh'}`)),
    sign: async (name) => {
      asked.push(name);
      return answer === '' ? err('it sleeps') : ok(answer);
    },
  };
  const service = makeCertificateService({ authority, clock, log: silentLogger, signer });
  const ask = async (csr: string, CertSigner = ''): Promise<string | readonly string[]> => {
    const request = create(IstioCertificateRequestSchema, { csr, metadata: CertSigner === '' ? {} : { CertSigner } });
    const done = await service(request, { ...caller, spiffeId: TEST_IDENTITY });
    clock.advance(2000);
    return done.ok ? done.value.certChain : done.error.code;
  };
  const csr = makeCsr(mine, TEST_IDENTITY);
  const [leaf, intermediate, roots] = (await ask(csr)) as readonly string[];
  assert.equal(`${leaf}${intermediate}`, answer);
  assert.equal(roots, authority.trust.rootsPem);
  assert.ok(roots?.includes(theirs.rootsPem));

  assert.equal(await ask(makeCsr(mine, 'spiffe://cluster.local/ns/default/sa/admin')), 'csr_wrong_identity');
  assert.equal(await ask(csr, 'nobody'), 'signer_unknown');
  assert.equal(await ask(csr, 'rootless'), 'signer_unknown');
  assert.deepEqual(asked, ['issuers.example/mesh'], 'nothing of this reached a signer');
  assert.equal(await ask(csr, 'other'), 'signer_wrong_certificate', "another signer's root does not do");
  for (const wrong of [
    by(between, ['spiffe://cluster.local/ns/default/sa/admin']),
    by(between, [TEST_IDENTITY, 'spiffe://cluster.local/ns/default/sa/admin']),
    by(between, [TEST_IDENTITY], mine, ['istiod.istio-system.svc']),
    by(between, [TEST_IDENTITY], generateKeyPair()),
    by(strange, [TEST_IDENTITY]),
    by(between, []),
    theirs.rootsPem,
    'no PEM',
  ]) {
    answer = wrong;
    assert.equal(await ask(csr), 'signer_wrong_certificate');
  }
  answer = '';
  assert.equal(await ask(csr), 'signer_failed');
});
