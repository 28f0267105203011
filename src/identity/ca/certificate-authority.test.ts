import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogFields, Logger } from '#base';
import { FakeClock, silentLogger } from '#base';
import { formatPem, OID, parseCertificate, pemBlocks, writeRevocationList } from '#wire/tls';
import type { Certificate } from '#wire/tls';
import { generateKeyPair, privateKeyPem } from '../key-pair.ts';
import { makePeerCheck } from '../peer-check.ts';
import { rootsWithoutList } from '../revocation.ts';
import { MemoryFs, TEST_IDENTITY } from '../testing/make-peer.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { CertificateAuthorityOptions, IssuedCertificate } from './certificate-authority.ts';
import { makeIntermediate, makeRoot, type SigningAuthority } from './signing-authority.ts';

const NOW = 1_750_000_000_000;
const DAY = 86_400_000;
const HOUR = 3_600_000;

async function start(
  fs: MemoryFs,
  clock: FakeClock,
  more: Partial<CertificateAuthorityOptions> = {},
): Promise<CertificateAuthority> {
  const started = await CertificateAuthority.start({
    fs,
    clock,
    log: silentLogger,
    folder: 'state/ca',
    trustDomain: 'cluster.local',
    ...more,
  });
  if (!started.ok) throw started.error;
  return started.value;
}

function issue(authority: CertificateAuthority, ttlMs = 0): IssuedCertificate {
  return authority.issue(
    { spki: generateKeyPair().spki, uris: [TEST_IDENTITY], ttlMs, keyEncipherment: false },
    'test',
  );
}

function leafOf(issued: IssuedCertificate): Certificate {
  const blocks = pemBlocks(issued.pem, 'CERTIFICATE');
  assert.ok(blocks.ok);
  const parsed = parseCertificate(blocks.value[0] as Uint8Array);
  assert.ok(parsed.ok);
  return parsed.value;
}

function trusts(rootsPem: string, issued: IssuedCertificate, clock: FakeClock): boolean {
  const check = makePeerCheck({
    roots: rootsPem,
    crl: '',
    sanMatchers: [],
    trustDomains: ['cluster.local'],
    required: true,
    peerIs: 'client',
    clock,
  });
  const chain = issued.chain.slice(0, -1).flatMap((pem) => {
    const blocks = pemBlocks(pem, 'CERTIFICATE');
    return blocks.ok ? [...blocks.value] : [];
  });
  return check({ chain, resumed: false, sni: '' }).ok;
}

test('a root is made on first start, kept with mode 0600, and found again', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const first = await start(fs, clock);
  assert.equal(fs.files.get('state/ca/authority.json')?.mode, 0o600);
  const again = await start(fs, clock);
  assert.equal(again.trust.rootsPem, first.trust.rootsPem);
  assert.ok(trusts(again.trust.rootsPem, issue(first), clock));
});

test('a key that others may read, or a damaged file, stops the start instead of making another root', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  await start(fs, clock);
  const file = fs.files.get('state/ca/authority.json');
  assert.ok(file);
  for (const [change, code] of [
    [{ ...file, mode: 0o644 }, 'authority_files_open'],
    [{ ...file, text: file.text.slice(0, 50) }, 'authority_unusable'],
  ] as const) {
    fs.files.set('state/ca/authority.json', change);
    const started = await CertificateAuthority.start({
      fs,
      clock,
      log: silentLogger,
      folder: 'state/ca',
      trustDomain: 'cluster.local',
    });
    assert.equal(started.ok ? '' : started.error.code, code);
  }
});

test("a leaf looks as Istio's: 24 hours, backdated two minutes, no subject, one SPIFFE id, both usages", async () => {
  const issued = issue(await start(new MemoryFs(), new FakeClock(NOW)));
  const leaf = leafOf(issued);
  assert.deepEqual([leaf.notBeforeMs, leaf.notAfterMs], [NOW - 120_000, NOW + DAY]);
  assert.deepEqual([leaf.names.uris, leaf.subjectText, leaf.isCa], [[TEST_IDENTITY], '', false]);
  assert.deepEqual(leaf.extendedKeyUsage, [OID.serverAuth, OID.clientAuth]);
  assert.equal(issued.chain.length, 2);
});

test('the life of a leaf is bounded on both sides', async () => {
  const authority = await start(new MemoryFs(), new FakeClock(NOW));
  assert.equal(issue(authority, 1).notAfterMs, NOW + 10_000);
  assert.equal(issue(authority, 365 * DAY).notAfterMs, NOW + 90 * DAY);
  assert.equal(issue(authority, Number.MAX_SAFE_INTEGER).notAfterMs, NOW + 90 * DAY);
});

test('no two serials are equal, and every certificate leaves a line in the log', async () => {
  const lines: LogFields[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (message, fields) => void (message === 'certificate issued' && lines.push(fields ?? {})),
    scope: () => log,
  };
  const authority = await start(new MemoryFs(), new FakeClock(NOW), { log });
  const serials = new Set(Array.from({ length: 50 }, () => issue(authority).serial));
  assert.equal(serials.size, 50);
  assert.deepEqual(new Set(lines.map((line) => line['serial'])), serials);
  assert.equal(lines[0]?.['identity'], TEST_IDENTITY);
});

test('a root near its end is replaced without a moment in which anybody distrusts anybody', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const authority = await start(fs, clock);
  const old = authority.trust.rootsPem;
  const bundles: string[] = [];
  authority.onTrustChange((trust) => bundles.push(trust.rootsPem));
  clock.advance(3650 * DAY * 0.8 + HOUR);
  await authority.rotateIfDue();
  const both = authority.trust.rootsPem;
  assert.ok(both.includes(old) && both.length > old.length);
  assert.ok(trusts(old, issue(authority), clock), 'who has only the old bundle still knows new leaves');
  const before = issue(authority, 90 * DAY);
  clock.advance(HOUR + 1);
  await authority.rotateIfDue();
  assert.ok(!trusts(old, issue(authority), clock), 'the new root signs');
  assert.ok(trusts(authority.trust.rootsPem, before, clock), 'leaves of the old root are still trusted');
  authority.close();
  const restarted = await start(fs, clock);
  assert.equal(restarted.trust.rootsPem.length, both.length);
  clock.advance(90 * DAY + 60_000);
  await restarted.rotateIfDue();
  assert.ok(!restarted.trust.rootsPem.includes(old));
  assert.ok(trusts(restarted.trust.rootsPem, issue(restarted), clock));
  assert.equal(bundles.length, 2);
});

function cacerts(fs: MemoryFs, authority: ReturnType<typeof makeRoot>): void {
  const write = (name: string, text: string): void => void fs.files.set(`cacerts/${name}`, { text, mode: 0o600 });
  write('ca-cert.pem', formatPem('CERTIFICATE', authority.certificate.der));
  write('ca-key.pem', privateKeyPem(authority.key));
  write('root-cert.pem', authority.rootsPem);
  write('cert-chain.pem', authority.intermediatesPem);
}

test('a plugged-in intermediate signs, shows its chain, and is reloaded when its files fit together again', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const root = makeRoot({ organization: 'corporate', nowMs: NOW });
  cacerts(fs, makeIntermediate(root, { organization: 'mesh', nowMs: NOW }));
  const authority = await start(fs, clock, { cacertsFolder: 'cacerts' });
  const issued = issue(authority);
  assert.equal(issued.chain.length, 3);
  assert.ok(trusts(root.rootsPem, issued, clock));
  const other = makeRoot({ organization: 'another', nowMs: NOW });
  const next = makeIntermediate(other, { organization: 'mesh', nowMs: NOW });
  fs.files.set('cacerts/ca-cert.pem', { text: formatPem('CERTIFICATE', next.certificate.der), mode: 0o600 });
  fs.poke('cacerts');
  await new Promise(setImmediate);
  assert.ok(trusts(root.rootsPem, issue(authority), clock), 'half-replaced files are not used');
  const before = issue(authority);
  cacerts(fs, next);
  fs.poke('cacerts');
  await new Promise(setImmediate);
  assert.ok(trusts(authority.trust.rootsPem, before, clock), 'leaves below the former root are still trusted');
  assert.ok(!trusts(other.rootsPem, issue(authority), clock), 'a root that nobody knows yet does not sign');
  assert.equal(authority.status().phase, 'announced');
  clock.advance(10_000);
  assert.ok(trusts(other.rootsPem, issue(authority), clock));
  assert.equal(authority.status().phase, 'draining');
  clock.advance(DAY + 60_000);
  assert.equal(authority.trust.rootsPem, other.rootsPem);
  assert.equal(authority.status().phase, 'steady');
});

test('an intermediate below a root that is known signs at once', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const root = makeRoot({ organization: 'corporate', nowMs: NOW });
  cacerts(fs, makeIntermediate(root, { organization: 'first', nowMs: NOW }));
  const authority = await start(fs, clock, { cacertsFolder: 'cacerts' });
  cacerts(fs, makeIntermediate(root, { organization: 'second', nowMs: NOW }));
  fs.poke('cacerts');
  await new Promise(setImmediate);
  assert.deepEqual([authority.status().phase, authority.status().signer.subject.includes('second')], ['steady', true]);
  assert.ok(trusts(root.rootsPem, issue(authority), clock));
});

test('authorities with P-384 and RSA keys sign leaves that are trusted', async () => {
  for (const kind of ['ecdsa-p384', 'rsa-2048', 'rsa-3072'] as const) {
    const fs = new MemoryFs();
    const clock = new FakeClock(NOW);
    const root = makeRoot({ organization: 'corporate', nowMs: NOW, key: generateKeyPair(kind) });
    cacerts(fs, root);
    const authority = await start(fs, clock, { cacertsFolder: 'cacerts' });
    assert.ok(trusts(root.rootsPem, issue(authority), clock), kind);
    assert.equal(authority.status().signer.key, kind.startsWith('rsa') ? `RSA ${kind.slice(4)}` : 'ECDSA 384');
  }
});

test('a rotation that somebody asks for goes through its phases by itself', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const authority = await start(fs, clock);
  const old = authority.trust.rootsPem;
  const before = issue(authority, 30_000);
  assert.ok((await authority.rotate(5000)).ok);
  const twice = await authority.rotate(5000);
  assert.equal(twice.ok ? '' : twice.error.code, 'rotation_under_way');
  assert.ok(authority.trust.rootsPem.startsWith(old), 'the root that signs comes first');
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  };
  await pass(5001);
  assert.equal(authority.status().phase, 'draining');
  assert.ok(authority.trust.rootsPem.endsWith(old));
  assert.ok(trusts(authority.trust.rootsPem, before, clock));
  await pass(40_500);
  assert.deepEqual([authority.status().phase, authority.trust.rootsPem.includes(old)], ['steady', false]);
  const restarted = await start(fs, clock);
  assert.equal(restarted.trust.rootsPem, authority.trust.rootsPem);
});

test('two control planes that share their state rotate together', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const [first, second] = [await start(fs, clock), await start(fs, clock)];
  await first.rotate(5000);
  fs.poke('state/ca');
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  assert.equal(second.trust.rootsPem, first.trust.rootsPem);
  assert.equal(second.status().phase, 'announced');
});

test('what is revoked by identity or serial is refused, and everything else goes on', async () => {
  const fs = new MemoryFs();
  const clock = new FakeClock(NOW);
  const authority = await start(fs, clock);
  const [bad, good] = [issue(authority, HOUR), issue(authority, HOUR)];
  assert.equal(authority.trust.crlPem, '');
  const unknown = await authority.revoke({ identity: 'spiffe://cluster.local/ns/x/sa/y' });
  assert.equal(unknown.ok ? '' : unknown.error.code, 'leaf_unknown');
  assert.ok((await authority.revoke({ serial: bad.serial.toUpperCase() })).ok);
  const judge = (issued: IssuedCertificate): string => {
    const check = makePeerCheck({
      roots: authority.trust.rootsPem,
      crl: authority.trust.crlPem,
      sanMatchers: [],
      trustDomains: undefined,
      required: true,
      peerIs: 'client',
      clock,
    });
    const verdict = check({ chain: [leafOf(issued).der], resumed: false, sni: '' });
    return verdict.ok ? 'ok' : verdict.reason.slice(0, verdict.reason.indexOf(':'));
  };
  assert.deepEqual([judge(bad), judge(good)], ['peer_revoked', 'ok']);
  await authority.rotate(1000);
  assert.deepEqual([judge(bad), judge(good)], ['peer_revoked', 'ok'], 'both roots have a list');
  const all = await authority.revoke({ identity: TEST_IDENTITY });
  assert.deepEqual(all.ok ? new Set(all.value) : all.error, new Set([bad.serial, good.serial]));
  assert.equal(judge(good), 'peer_revoked');
});

test('further roots of the mesh are trusted beside our own', async () => {
  const authority = await start(new MemoryFs(), new FakeClock(NOW));
  const other = makeRoot({ organization: 'other mesh', nowMs: NOW });
  const own = authority.trust.rootsPem;
  assert.deepEqual(authority.setExtraRoots([{ pem: other.rootsPem, trustDomains: [] }]), []);
  assert.equal(authority.trust.rootsPem, own + other.rootsPem);
  authority.setExtraRoots([]);
  assert.equal(authority.trust.rootsPem, own);
});

test('lists of further roots count, and ours is written beside them', async () => {
  const authority = await start(new MemoryFs(), new FakeClock(NOW));
  const other = makeRoot({ organization: 'other', nowMs: NOW });
  const listOf = (by: SigningAuthority): string =>
    formatPem(
      'X509 CRL',
      writeRevocationList(
        {
          issuer: by.certificate.subject,
          authorityKeyId: by.key.keyId,
          thisUpdateMs: NOW,
          nextUpdateMs: NOW + 1000,
          number: 1,
          revoked: [],
        },
        by.key,
      ),
    );
  authority.setExtraRoots([{ pem: other.rootsPem + listOf(other), trustDomains: [] }]);
  assert.equal(authority.trust.crlPem.match(/BEGIN X509 CRL/g)?.length, 2);
  assert.deepEqual(rootsWithoutList(authority.trust.rootsPem, authority.trust.crlPem), []);
  const stranger = makeRoot({ organization: 'stranger', nowMs: NOW });
  authority.setExtraRoots([{ pem: other.rootsPem + listOf(stranger), trustDomains: [] }]);
  assert.equal(authority.trust.crlPem, '', 'a list of somebody else is left out');
});

test('cacerts that are incomplete, mismatched or lead nowhere stop the start', async () => {
  const root = makeRoot({ organization: 'corporate', nowMs: NOW });
  const cases: readonly (readonly [string, (fs: MemoryFs) => void])[] = [
    ['authority_files_incomplete', (fs) => void fs.files.delete('cacerts/ca-key.pem')],
    [
      'key_mismatch',
      (fs) => void fs.files.set('cacerts/ca-key.pem', { text: privateKeyPem(generateKeyPair()), mode: 0o600 }),
    ],
    [
      'authority_unusable',
      (fs) =>
        void fs.files.set('cacerts/root-cert.pem', {
          text: makeRoot({ organization: 'x', nowMs: NOW }).rootsPem,
          mode: 0o600,
        }),
    ],
    ['key_unusable', (fs) => void fs.files.set('cacerts/ca-key.pem', { text: 'no key', mode: 0o600 })],
  ];
  for (const [code, breakIt] of cases) {
    const fs = new MemoryFs();
    cacerts(fs, makeIntermediate(root, { organization: 'mesh', nowMs: NOW }));
    breakIt(fs);
    const started = await CertificateAuthority.start({
      fs,
      clock: new FakeClock(NOW),
      log: silentLogger,
      folder: 'state/ca',
      trustDomain: 'cluster.local',
      cacertsFolder: 'cacerts',
    });
    assert.equal(started.ok ? '' : started.error.code, code);
  }
});

test('roots for one trust domain stand apart from those for everybody', async () => {
  const authority = await start(new MemoryFs(), new FakeClock(NOW));
  const other = makeRoot({ organization: 'other mesh', nowMs: NOW });
  const own = authority.trust.rootsPem;
  let changes = 0;
  authority.onTrustChange(() => changes++);
  const extra = [{ pem: other.rootsPem, trustDomains: ['partner.example'] }];
  authority.setExtraRoots(extra, ['old.example']);
  authority.setExtraRoots(extra, ['old.example']);
  assert.deepEqual([authority.trust.rootsPem, changes], [own, 1]);
  assert.deepEqual(authority.trust.bound, [
    { trustDomain: 'cluster.local', rootsPem: '' },
    { trustDomain: 'old.example', rootsPem: '' },
    { trustDomain: 'partner.example', rootsPem: other.rootsPem },
  ]);
  assert.deepEqual(
    authority.status().roots.map(({ signs, trustDomains }) => [signs, trustDomains]),
    [
      [true, undefined],
      [false, ['partner.example']],
    ],
  );
  authority.setExtraRoots(extra, []);
  assert.equal(authority.trust.bound?.length, 2);
  authority.setExtraRoots([], []);
  assert.deepEqual([authority.trust.bound, changes], [undefined, 3]);
});
