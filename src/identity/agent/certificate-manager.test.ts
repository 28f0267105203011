import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger, ok, err } from '#base';
import { formatPem, parseCertificateRequest, pemBlocks, writeRevocationList } from '#wire/tls';
import { issueLeaf, makeRoot } from '../ca/signing-authority.ts';
import type { SecretValue } from '../secret-source.ts';
import { MemoryFs, TEST_IDENTITY } from '../testing/make-peer.ts';
import type { CertificateManagerOptions, SignCsr } from './certificate-manager.ts';
import { CertificateManager } from './certificate-manager.ts';

const NOW = 1_750_000_000_000;
const settle = (): Promise<void> => new Promise(setImmediate);

function setUp(more: Partial<CertificateManagerOptions> = {}) {
  const clock = new FakeClock(NOW);
  const mesh = {
    root: makeRoot({ organization: 'cluster.local', nowMs: NOW }),
    down: false,
    identity: TEST_IDENTITY,
    calls: [] as { atMs: number; hadCertificate: boolean }[],
  };
  const signCsr: SignCsr = async (csrPem, ttlMs, current) => {
    mesh.calls.push({ atMs: clock.wallTime() - NOW, hadCertificate: current !== undefined });
    if (mesh.down) return err({ message: 'connection refused' });
    const blocks = pemBlocks(csrPem, 'CERTIFICATE REQUEST');
    const csr = blocks.ok ? parseCertificateRequest(blocks.value[0] as Uint8Array) : blocks;
    if (!csr.ok) throw csr.error;
    const leaf = issueLeaf(
      mesh.root,
      { spki: csr.value.publicKey.spki, uris: [mesh.identity], ttlMs, keyEncipherment: false },
      clock.wallTime(),
    );
    return ok([leaf.pem, mesh.root.rootsPem]);
  };
  const manager = new CertificateManager({
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    spiffeId: TEST_IDENTITY,
    signCsr,
    ...more,
  });
  const seen: Record<string, SecretValue[]> = { default: [], ROOTCA: [] };
  for (const name of ['default', 'ROOTCA']) manager.subscribe(name, (value) => seen[name]?.push(value));
  return { clock, mesh, manager, certificates: seen['default'] ?? [], roots: seen['ROOTCA'] ?? [] };
}

test('the first certificate and its roots reach the subscribers, with key and certificate together', async () => {
  const { manager, certificates, roots } = setUp();
  manager.start();
  await settle();
  const [first] = certificates;
  assert.ok(first?.kind === 'certificate');
  assert.equal(first.spiffeId, TEST_IDENTITY);
  assert.equal(first.notAfterMs, NOW + 86_400_000);
  assert.equal(roots[0]?.kind, 'trust');
  let late: SecretValue | undefined;
  manager.subscribe('default', (value) => void (late = value));
  assert.equal(late, first);
});

test('it renews at half life, give or take a hundredth, with a new key and the current certificate', async () => {
  const { clock, mesh, manager, certificates } = setUp();
  manager.start();
  await settle();
  clock.advance(86_400_000 * 0.48);
  await settle();
  assert.equal(mesh.calls.length, 1);
  clock.advance(86_400_000 * 0.04);
  await settle();
  assert.deepEqual(
    mesh.calls.map((call) => call.hadCertificate),
    [false, true],
  );
  const keys = new Set(certificates.map((value) => value.kind === 'certificate' && value.privateKeyPem));
  assert.equal(keys.size, 2);
});

test('certificates of thirty seconds are renewed every fifteen', async () => {
  const { clock, mesh, manager } = setUp({ ttlMs: 30_000 });
  manager.start();
  for (let second = 0; second < 180; second++) {
    await settle();
    clock.advance(1000);
  }
  assert.ok(mesh.calls.length >= 11 && mesh.calls.length <= 13, String(mesh.calls.length));
});

test('while the authority is away it tries again with growing pauses, and what it has stays in force', async () => {
  const { clock, mesh, manager, certificates } = setUp();
  manager.start();
  await settle();
  mesh.down = true;
  clock.advance(86_400_000 * 0.51);
  for (let i = 0; i < 120; i++) {
    await settle();
    clock.advance(5_000);
  }
  assert.ok(mesh.calls.length > 8 && mesh.calls.length < 25, String(mesh.calls.length));
  assert.equal(certificates.length, 1);
  mesh.down = false;
  for (let i = 0; i < 20; i++) {
    clock.advance(5_000);
    await settle();
  }
  assert.equal(certificates.length, 2);
});

test('with nothing ever issued, subscribers get an error, and the certificate once it comes', async () => {
  const { clock, mesh, manager, certificates } = setUp();
  mesh.down = true;
  manager.start();
  await settle();
  assert.deepEqual(
    certificates.map((value) => value.kind === 'error' && value.code),
    ['certificate_not_issued'],
  );
  mesh.down = false;
  clock.advance(2_000);
  await settle();
  assert.equal(certificates.at(-1)?.kind, 'certificate');
});

test('the authority of the mesh may issue for another trust domain by now; one that knows only itself may not', async () => {
  const identity = TEST_IDENTITY.replace('cluster.local', 'example.org');
  for (const issuerSaysTrust of [true, false]) {
    const { mesh, manager, certificates } = setUp({ issuerSaysTrust });
    mesh.identity = identity;
    manager.start();
    await settle();
    const last = certificates.at(-1);
    assert.equal(last?.kind === 'certificate' && last.spiffeId, issuerSaysTrust && identity);
  }
});

test('a certificate with another identity is not taken', async () => {
  const { mesh, manager, certificates } = setUp();
  mesh.identity = 'spiffe://cluster.local/ns/default/sa/other';
  manager.start();
  await settle();
  assert.equal(certificates.at(-1)?.kind, 'error');
});

test('a new issuer is trusted before its certificate is shown', async () => {
  const { mesh, manager, certificates, roots } = setUp();
  manager.start();
  await settle();
  const order: string[] = [];
  manager.subscribe('ROOTCA', () => order.push('roots'));
  manager.subscribe('default', () => order.push('certificate'));
  order.length = 0;
  const [old, next] = [mesh.root, makeRoot({ organization: 'cluster.local', nowMs: NOW })];
  manager.setTrust(old.rootsPem + next.rootsPem);
  const both = roots.at(-1);
  assert.ok(both?.kind === 'trust' && both.rootsPem === old.rootsPem + next.rootsPem);
  mesh.root = next;
  manager.renew();
  await settle();
  assert.deepEqual(order, ['roots', 'roots', 'certificate']);
  assert.equal(certificates.length, 2);
});

test('when another root begins to sign, a certificate below it is asked for within seconds', async () => {
  const { clock, mesh, manager, certificates } = setUp();
  manager.start();
  await settle();
  const [old, next] = [mesh.root, makeRoot({ organization: 'cluster.local', nowMs: NOW })];
  manager.setTrust(old.rootsPem + next.rootsPem);
  clock.advance(10_000);
  await settle();
  assert.equal(certificates.length, 1, 'announced is not signing');
  mesh.root = next;
  manager.setTrust(next.rootsPem + old.rootsPem);
  clock.advance(10_000);
  await settle();
  assert.equal(certificates.length, 2);
  manager.setTrust(next.rootsPem);
  manager.setTrust('');
  clock.advance(10_000);
  await settle();
  assert.equal(certificates.length, 2);
});

test('a key touches the disk only when asked, readable by its owner alone', async () => {
  const fs = new MemoryFs();
  const { manager } = setUp({ output: { fs, folder: 'out' } });
  manager.start();
  await settle();
  await settle();
  assert.deepEqual(
    [...fs.files].map(([path, file]) => [path, file.mode.toString(8)]),
    [
      ['out/key.pem', '600'],
      ['out/cert-chain.pem', '644'],
      ['out/root-cert.pem', '644'],
    ],
  );
});

test('after close nothing is fetched any more', async () => {
  const { clock, mesh, manager } = setUp();
  manager.start();
  await settle();
  manager.close();
  clock.advance(10 * 86_400_000);
  await settle();
  assert.equal(mesh.calls.length, 1);
});

test('a revocation list comes and goes without another certificate, or another root', async () => {
  const { manager, mesh, certificates, roots } = setUp();
  manager.setBeside('');
  manager.start();
  await settle();
  const { certificate, key } = mesh.root;
  const list = formatPem(
    'X509 CRL',
    writeRevocationList(
      {
        issuer: certificate.subject,
        authorityKeyId: key.keyId,
        thisUpdateMs: NOW,
        nextUpdateMs: NOW + 1000,
        number: 1,
        revoked: [],
      },
      key,
    ),
  );
  manager.setBeside(list);
  manager.setBeside('');
  assert.deepEqual(
    roots.map((value) => value.kind === 'trust' && [value.rootsPem === mesh.root.rootsPem, value.crlPem]),
    [
      [true, ''],
      [true, list],
      [true, ''],
    ],
  );
  assert.equal(certificates.length, 1);
});
