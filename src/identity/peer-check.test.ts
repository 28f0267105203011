import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import type { PeerVerdict } from '#base';
import { FakeClock } from '#base';
import type { CertificateFields } from '#wire/tls';
import { OID, pemBlocks, writeName, writeRevocationList, formatPem, parseCertificate } from '#wire/tls';
import { issueLeaf, makeIntermediate, makeRoot } from './ca/signing-authority.ts';
import { certificatePins, type CertificatePins } from './certificate-pins.ts';
import { generateKeyPair } from './key-pair.ts';
import type { SigningAuthority } from './ca/signing-authority.ts';
import { Intermediates } from './intermediates.ts';
import type { PeerCheckOptions } from './peer-check.ts';
import { makePeerCheck, refusalCode } from './peer-check.ts';
import { rootsWithoutList } from './revocation.ts';
import { makePeer, TEST_IDENTITY, weakSpki } from './testing/make-peer.ts';

const NOW = 1_750_000_000_000;
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });

function check(
  chain: readonly Uint8Array[],
  options: Partial<PeerCheckOptions> = {},
  resumed = false,
): string | PeerVerdict {
  const judge = makePeerCheck({
    roots: root.rootsPem,
    crl: '',
    sanMatchers: [],
    trustDomains: ['cluster.local'],
    required: true,
    peerIs: 'client',
    clock: new FakeClock(NOW),
    ...options,
  });
  const result = judge({ chain, resumed, sni: '' });
  return result.ok ? result.verdict : refusalCode(result.reason);
}

function peerWith(changes: Partial<CertificateFields>, authority: SigningAuthority = root): Uint8Array[] {
  return [makePeer(authority, NOW, changes).der];
}

function crl(authority: SigningAuthority, revoked: readonly string[], nextUpdateMs = NOW + 3_600_000): string {
  return formatPem(
    'X509 CRL',
    writeRevocationList(
      {
        issuer: authority.certificate.subject,
        authorityKeyId: authority.key.keyId,
        thisUpdateMs: NOW - 1000,
        nextUpdateMs,
        number: 1,
        revoked: revoked.map((serial) => ({ serial, atMs: NOW - 1000 })),
      },
      authority.key,
    ),
  );
}

function serialOf(der: Uint8Array): string {
  const parsed = parseCertificate(der);
  assert.ok(parsed.ok);
  return parsed.value.serial;
}

test('a peer of the mesh is verified with its SPIFFE id', () => {
  const verdict = check(peerWith({}));
  assert.ok(typeof verdict === 'object' && verdict.kind === 'verified');
  assert.equal(verdict.spiffeId, TEST_IDENTITY);
  assert.deepEqual(verdict.uriSans, [TEST_IDENTITY]);
  assert.equal(verdict.notAfterMs, NOW + 3_600_000);
});

test('a peer without certificate is anonymous where none is required, refused elsewhere', () => {
  assert.deepEqual(check([], { required: false }), { kind: 'anonymous' });
  assert.equal(check([]), 'peer_no_certificate');
  assert.equal(check([], { required: false, peerIs: 'server' }), 'peer_no_certificate');
});

const unknownRoot = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const refusals: readonly (readonly [string, () => Uint8Array[], string])[] = [
  ['a NUL in its URI name', () => peerWith({ uris: [`${TEST_IDENTITY}\0.evil.example`] }), 'peer_san_malformed'],
  ['a NUL in its DNS name', () => peerWith({ dns: ['good.example\0.evil.example'] }), 'peer_san_malformed'],
  [
    'a line break in its URI name',
    () => peerWith({ uris: [`${TEST_IDENTITY}\nURI:spiffe://x`] }),
    'peer_san_malformed',
  ],
  [
    'two SPIFFE ids',
    () => peerWith({ uris: [TEST_IDENTITY, 'spiffe://cluster.local/ns/default/sa/admin'] }),
    'peer_several_identities',
  ],
  [
    'a SPIFFE id and another URI',
    () => peerWith({ uris: ['https://example.com', TEST_IDENTITY] }),
    'peer_several_identities',
  ],
  ['no SPIFFE id', () => peerWith({ uris: [], dns: ['reviews.default.svc'] }), 'peer_no_identity'],
  [
    'a SPIFFE id with an empty segment',
    () => peerWith({ uris: ['spiffe://cluster.local/ns//sa/x'] }),
    'peer_bad_identity',
  ],
  ['a SPIFFE id with a query', () => peerWith({ uris: ['spiffe://cluster.local/ns/a/sa/b?x'] }), 'peer_bad_identity'],
  [
    'another trust domain',
    () => peerWith({ uris: ['spiffe://other.example/ns/default/sa/reviews'] }),
    'peer_wrong_trust_domain',
  ],
  [
    'an extended key usage for servers only',
    () => peerWith({ extendedKeyUsage: [OID.serverAuth] }),
    'peer_wrong_usage',
  ],
  ['a date in the past', () => peerWith({ notBeforeMs: NOW - 100_000, notAfterMs: NOW - 11_000 }), 'peer_expired'],
  ['a date in the future', () => peerWith({ notBeforeMs: NOW + 11_000 }), 'peer_not_yet_valid'],
  ['an unknown root of the same name', () => peerWith({}, unknownRoot), 'peer_unknown_root'],
  [
    'the key id of the root but another signature',
    () => peerWith({ authorityKeyId: root.key.keyId }, unknownRoot),
    'peer_bad_signature',
  ],
  ['a weak key', () => peerWith({ spki: weakSpki() }), 'peer_weak_key'],
  [
    'a leaf that is a certificate authority',
    () => peerWith({ ca: { pathLength: undefined }, extendedKeyUsage: [] }),
    'peer_is_ca',
  ],
  ['too many certificates', () => Array.from({ length: 11 }, () => makePeer(root, NOW).der), 'peer_chain_too_long'],
  ['bytes that are no certificate', () => [Buffer.from('3003020101', 'hex')], 'peer_malformed'],
  [
    'a certificate followed by more bytes',
    () => [Buffer.concat([makePeer(root, NOW).der, Uint8Array.of(0)])],
    'peer_malformed',
  ],
];
for (const [what, chain, code] of refusals) {
  test(`a peer with ${what} is refused with ${code}`, () => assert.equal(check(chain()), code));
}

test('clocks may differ: by ten seconds at the beginning of a certificate, by three at its end', () => {
  assert.equal(typeof check(peerWith({ notBeforeMs: NOW - 100_000, notAfterMs: NOW - 2_000 })), 'object');
  assert.equal(check(peerWith({ notBeforeMs: NOW - 100_000, notAfterMs: NOW - 4_000 })), 'peer_expired');
  assert.equal(typeof check(peerWith({ notBeforeMs: NOW + 9_000 })), 'object');
});

test('an alias of the trust domain is accepted', () => {
  const chain = peerWith({ uris: ['spiffe://old.example/ns/default/sa/reviews'] });
  assert.equal(typeof check(chain, { trustDomains: ['cluster.local', 'old.example'] }), 'object');
});

test('a name that no matcher expects is refused, one that some matcher expects is taken', () => {
  const matcher = (value: string) => ({ san: 'uri', how: { kind: 'exact', value } }) as const;
  assert.equal(
    check(peerWith({}), { sanMatchers: [matcher('spiffe://cluster.local/ns/default/sa/other')] }),
    'peer_san_mismatch',
  );
  assert.equal(typeof check(peerWith({}), { sanMatchers: [matcher('x'), matcher(TEST_IDENTITY)] }), 'object');
});

test('a public server is matched by DNS name, with one wildcard label', () => {
  const options = (value: string) =>
    ({
      trustDomains: undefined,
      peerIs: 'server',
      sanMatchers: [{ san: 'dns', how: { kind: 'exact', value } }],
    }) as const;
  const chain = peerWith({ uris: [], dns: ['*.example.com'], extendedKeyUsage: [OID.serverAuth] });
  assert.equal(typeof check(chain, options('api.example.com')), 'object');
  assert.equal(check(chain, options('a.b.example.com')), 'peer_san_mismatch');
  assert.equal(check(chain, options('example.com')), 'peer_san_mismatch');
});

test('without roots nobody is verified, and no matcher is ever satisfied', () => {
  assert.deepEqual(check(peerWith({}), { roots: undefined, trustDomains: undefined }), { kind: 'anonymous' });
  assert.equal(
    check(peerWith({}), {
      roots: undefined,
      trustDomains: undefined,
      sanMatchers: [{ san: 'any', how: { kind: 'prefix', value: '' } }],
    }),
    'trust_bundle_empty',
  );
  assert.equal(check(peerWith({}), { roots: '' }), 'trust_bundle_empty');
});

test('a path over intermediates is found in any order, and not without them', () => {
  const first = makeIntermediate(root, { organization: 'first', nowMs: NOW });
  const second = makeIntermediate(first, { organization: 'second', nowMs: NOW });
  const leaf = makePeer(second, NOW).der;
  assert.equal(typeof check([leaf, first.certificate.der, second.certificate.der]), 'object');
  assert.equal(check([leaf, first.certificate.der]), 'peer_unknown_root');
});

test('a resumed session, which carries only the leaf, is judged over the intermediates of the first handshake', () => {
  const between = makeIntermediate(root, { organization: 'between', nowMs: NOW });
  const leaf = makePeer(between, NOW).der;
  const intermediates = new Intermediates();
  assert.equal(check([leaf], { intermediates }, true), 'peer_unknown_root');
  assert.equal(typeof check([leaf, between.certificate.der], { intermediates }), 'object');
  assert.equal(typeof check([leaf], { intermediates }, true), 'object');
});

test('an intermediate that is too deep, expired or no authority does not lead to the root', () => {
  const shallow = makeIntermediate(root, { organization: 'shallow', nowMs: NOW, pathLength: 0 });
  const below = makeIntermediate(shallow, { organization: 'below', nowMs: NOW });
  assert.equal(
    check([makePeer(below, NOW).der, below.certificate.der, shallow.certificate.der]),
    'peer_chain_too_long',
  );
  const expired = makeIntermediate(root, { organization: 'expired', nowMs: NOW - 100_000, ttlMs: 50_000 });
  assert.equal(check([makePeer(expired, NOW).der, expired.certificate.der]), 'peer_issuer_expired');
  const leafKey = makeIntermediate(root, { organization: 'leaf', nowMs: NOW });
  const leafDer = makePeer(root, NOW, { subject: writeName('leaf', 'Intermediate CA'), spki: leafKey.key.spki }).der;
  assert.equal(check([makePeer(leafKey, NOW).der, leafDer]), 'peer_issuer_not_ca');
});

test('a session that is resumed is refused once its peer expired, was revoked, lost its root or its name', () => {
  const clock = new FakeClock(NOW);
  const leaf = makePeer(root, NOW);
  const options = {
    roots: root.rootsPem,
    crl: '',
    sanMatchers: [],
    trustDomains: ['cluster.local'],
    required: true,
    peerIs: 'client',
    clock,
  } as const;
  const resumed = { chain: [leaf.der], resumed: true, sni: '' };
  const judge = makePeerCheck(options);
  assert.ok(judge(resumed).ok);
  assert.ok(!makePeerCheck({ ...options, crl: crl(root, [serialOf(leaf.der)]) })(resumed).ok);
  assert.ok(!makePeerCheck({ ...options, roots: unknownRoot.rootsPem })(resumed).ok);
  assert.ok(
    !makePeerCheck({
      ...options,
      sanMatchers: [{ san: 'uri', how: { kind: 'exact', value: 'spiffe://cluster.local/ns/a/sa/b' } }],
    })(resumed).ok,
  );
  clock.advance(3_600_000 + 10_001);
  const late = judge(resumed);
  assert.equal(late.ok ? '' : refusalCode(late.reason), 'peer_expired');
});

test('where lists count where they are, a chain below a root without one is judged without', () => {
  const ours = makePeer(root, NOW).der;
  const other = makeRoot({ organization: 'partner', nowMs: NOW });
  const theirs = makePeer(other, NOW).der;
  const both = root.rootsPem + other.rootsPem;
  const look = (der: Uint8Array, list: string): unknown =>
    check([der], { roots: both, crl: list, revocation: 'where-listed' });
  const list = crl(root, [serialOf(ours)]);
  assert.equal(look(ours, list), 'peer_revoked');
  assert.equal(typeof look(theirs, list), 'object');
  assert.equal(check([theirs], { roots: both, crl: list }), 'peer_revocation_unknown', 'Envoy takes a list as whole');
  assert.equal(look(theirs, list + crl(other, [serialOf(theirs)])), 'peer_revoked');
  assert.equal(look(theirs, list + crl(other, [], NOW - 11_000)), 'peer_revocation_stale');
  assert.equal(look(makePeer(root, NOW).der, crl(root, [], NOW - 11_000)), 'peer_revocation_stale');
  assert.deepEqual([rootsWithoutList(both, list).length, rootsWithoutList(both, list + crl(other, [])).length], [1, 0]);
});

test('revocation: revoked, covered, not covered, stale, forged, unreadable', () => {
  const peer = makePeer(root, NOW).der;
  assert.equal(check([peer], { crl: crl(root, [serialOf(peer)]) }), 'peer_revoked');
  assert.equal(typeof check([peer], { crl: crl(root, ['abcdef']) }), 'object');
  const between = makeIntermediate(root, { organization: 'between', nowMs: NOW });
  const below = [makePeer(between, NOW).der, between.certificate.der];
  assert.equal(check(below, { crl: crl(between, []) }), 'peer_revocation_unknown');
  assert.equal(typeof check(below, { crl: crl(between, []), revocationOfLeafOnly: true }), 'object');
  assert.equal(typeof check(below, { crl: crl(between, []) + crl(root, []) }), 'object');
  assert.equal(check(below, { crl: crl(between, []) + crl(root, [between.certificate.serial]) }), 'peer_revoked');
  assert.equal(check([peer], { crl: crl(root, [], NOW - 11_000) }), 'peer_revocation_stale');
  assert.equal(check([peer], { crl: crl(unknownRoot, []) }), 'peer_revocation_unknown');
  assert.equal(check([peer], { crl: 'nonsense' }), 'revocation_list_unusable');
});

test('a handshake that is over outlives the leaf, not its revocation or its root', () => {
  const clock = new FakeClock(NOW);
  const peer = makePeer(root, NOW).der;
  const standing = { established: true, clock } as const;
  clock.advance(4 * 3_600_000);
  assert.equal(check([peer], { clock }), 'peer_expired');
  assert.equal(typeof check([peer], standing), 'object');
  assert.equal(check([peer], { ...standing, roots: unknownRoot.rootsPem }), 'peer_unknown_root');
  assert.equal(check([peer], { ...standing, crl: crl(root, [serialOf(peer)]) }), 'peer_revoked');
});

test('what TLS verified over intermediates that we are not shown is taken, unless we know better', () => {
  const between = makeIntermediate(root, { organization: 'between', nowMs: NOW });
  const leaf = makePeer(between, NOW).der;
  const judge = (options: Partial<PeerCheckOptions> = {}, pathVerified = true): string => {
    const result = makePeerCheck({
      roots: root.rootsPem,
      crl: '',
      sanMatchers: [],
      trustDomains: ['cluster.local'],
      required: true,
      peerIs: 'client',
      clock: new FakeClock(NOW),
      ...options,
    })({ chain: [leaf], resumed: false, sni: '', pathVerified });
    return result.ok ? 'ok' : refusalCode(result.reason);
  };
  assert.deepEqual([judge(), judge({}, false)], ['ok', 'peer_unknown_root']);
  assert.equal(judge({ crl: crl(between, [serialOf(leaf)]) + crl(root, []) }), 'peer_revoked');
  assert.equal(judge({ trustDomains: ['other.example'] }), 'peer_wrong_trust_domain');
  const known = new Intermediates();
  known.add(between.certificate);
  assert.equal(judge({ intermediates: known }), 'ok');
  assert.equal(judge({ intermediates: known, roots: unknownRoot.rootsPem }), 'peer_unknown_root');
});

test('one bad certificate in a bundle only narrows trust', () => {
  const broken = formatPem('CERTIFICATE', Uint8Array.of(0x30, 0));
  assert.equal(typeof check(peerWith({}), { roots: broken + root.rootsPem }), 'object');
  assert.equal(check(peerWith({}), { roots: broken }), 'trust_bundle_empty');
});

test('a leaf just issued is taken by clocks behind and ahead, and refused with its reason beyond', () => {
  const spki = generateKeyPair().spki;
  const request = { spki, uris: [TEST_IDENTITY], ttlMs: 3_600_000, keyEncipherment: false };
  const blocks = pemBlocks(issueLeaf(root, request, NOW).pem, 'CERTIFICATE');
  assert.ok(blocks.ok);
  const at = (offMs: number): string => {
    const verdict = check(blocks.value, { clock: new FakeClock(NOW + offMs), crl: '' });
    return typeof verdict === 'string' ? verdict : verdict.kind;
  };
  // Backdated by two minutes, and clocks may differ by ten seconds more.
  assert.deepEqual([at(-119_000), at(-130_000), at(-131_000)], ['verified', 'verified', 'peer_not_yet_valid']);
  assert.deepEqual([at(3_600_000), at(3_603_000), at(3_604_000)], ['verified', 'verified', 'peer_expired']);
});

test('a certificate may be named by its hash, or by that of its key', () => {
  const peer = makePeer(root, NOW).der;
  const parsed = parseCertificate(peer);
  assert.ok(parsed.ok);
  const whole = hash('sha256', peer, 'hex');
  const key = hash('sha256', parsed.value.publicKey.spki, 'base64');
  const pins = (hashes: readonly string[], keys: readonly string[]): CertificatePins => {
    const read = certificatePins(hashes, keys);
    assert.ok(read !== undefined && !('wrong' in read));
    return read;
  };
  const other = [hash('sha256', 'x', 'hex'), hash('sha256', 'x', 'base64')] as const;
  const colons = whole.toUpperCase().replace(/..(?=.)/g, '$&:');
  assert.equal(typeof check([peer], { pins: pins([colons], []) }), 'object');
  assert.equal(typeof check([peer], { pins: pins([other[0]], [key]) }), 'object', 'one of either is enough');
  assert.equal(check([peer], { pins: pins([other[0]], [other[1]]) }), 'peer_not_pinned');
  assert.equal(check([makePeer(unknownRoot, NOW).der], { pins: pins([whole], [key]) }), 'peer_unknown_root');
  assert.deepEqual(certificatePins(['ab'], []), { wrong: 'ab' });
});
