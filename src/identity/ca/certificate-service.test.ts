import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { FakeClock, silentLogger } from '#base';
import { IstioCertificateRequestSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { formatPem, parseCertificate, pemBlocks, writeCertificateRequest, writeName } from '#wire/tls';
import { makeCsr } from '../agent/certificate-manager.ts';
import { generateKeyPair } from '../key-pair.ts';
import { MemoryFs, TEST_IDENTITY, weakSpki } from '../testing/make-peer.ts';
import type { Caller } from '../token/caller.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { makeCertificateService } from './certificate-service.ts';
import type { CertificateServiceOptions } from './certificate-service.ts';

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
