import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { pemBlocks } from '#wire/tls';
import { CertificateManager } from './agent/certificate-manager.ts';
import { makeIntermediate, makeRoot } from './ca/signing-authority.ts';
import { boundRoots, wholeBundles } from './domain-roots.ts';
import { KeySetKeeper } from './jwt/key-set-keeper.ts';
import { parseSpiffeBundle } from './jwt/parse-spiffe-bundle.ts';
import { makePeerCheck, refusalCode } from './peer-check.ts';
import { makePeer } from './testing/make-peer.ts';

const NOW = 1_750_000_000_000;
const ours = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const theirs = makeRoot({ organization: 'partner', nowMs: NOW });
const anyones = makeRoot({ organization: 'corporate', nowMs: NOW });
const bound = boundRoots(
  [
    { pem: theirs.rootsPem, trustDomains: ['partner.example'] },
    { pem: anyones.rootsPem, trustDomains: [] },
  ],
  ['cluster.local', 'old.example'],
);
const bundles = wholeBundles(ours.rootsPem + anyones.rootsPem, bound);

function judge(
  authority: typeof ours,
  uris: readonly string[],
  pathVerified = false,
  shown: Uint8Array[] = [],
): string {
  const check = makePeerCheck({
    roots: ours.rootsPem + theirs.rootsPem,
    bundles,
    crl: '',
    sanMatchers: [],
    trustDomains: undefined,
    required: true,
    peerIs: 'client',
    clock: new FakeClock(NOW),
  });
  const { der } = makePeer(authority, NOW, { uris });
  const result = check({ chain: [der, ...shown], resumed: pathVerified, sni: '', pathVerified });
  return result.ok ? 'ok' : refusalCode(result.reason);
}

test('a root that is for one trust domain vouches for no other; the others vouch for all', () => {
  assert.equal(judge(theirs, ['spiffe://partner.example/ns/a/sa/b']), 'ok');
  assert.equal(judge(theirs, ['spiffe://cluster.local/ns/a/sa/b']), 'peer_unknown_root');
  assert.equal(judge(theirs, ['spiffe://old.example/ns/a/sa/b']), 'peer_unknown_root');
  for (const authority of [ours, anyones])
    for (const domain of ['cluster.local', 'old.example', 'partner.example'])
      assert.equal(judge(authority, [`spiffe://${domain}/ns/a/sa/b`]), 'ok', domain);
  assert.equal(judge(ours, ['spiffe://elsewhere.example/ns/a/sa/b']), 'peer_wrong_trust_domain');
  assert.equal(judge(theirs, []), 'peer_wrong_trust_domain', 'without a SPIFFE id nothing vouches');
  assert.equal(
    judge(theirs, ['spiffe://partner.example/ns/a/sa/b', 'spiffe://cluster.local/ns/a/sa/b']),
    'peer_several_identities',
  );
});

test('a path that OpenSSL verified below any root proves no trust domain', () => {
  const between = makeIntermediate(theirs, { organization: 'partner', nowMs: NOW });
  assert.equal(judge(between, ['spiffe://cluster.local/ns/a/sa/b'], true), 'peer_unknown_root');
  assert.equal(judge(between, ['spiffe://partner.example/ns/a/sa/b'], true), 'peer_unknown_root');
  const shown = [between.certificate.der];
  assert.equal(judge(between, ['spiffe://partner.example/ns/a/sa/b'], true, shown), 'ok');
  assert.equal(judge(between, ['spiffe://cluster.local/ns/a/sa/b'], true, shown), 'peer_unknown_root');
});

test('nothing bound, no bundles', () => {
  assert.deepEqual(boundRoots([{ pem: theirs.rootsPem, trustDomains: [] }], ['cluster.local']), []);
});

test('an agent adds what is bound to the roots of the moment', () => {
  const manager = new CertificateManager({
    clock: new FakeClock(NOW),
    random: new SeededRandom(1),
    log: silentLogger,
    spiffeId: 'spiffe://cluster.local/ns/a/sa/b',
    signCsr: async () => ({ ok: false, error: { message: 'not asked' } }),
  });
  const seen: (readonly string[] | undefined)[] = [];
  manager.subscribe('ROOTCA', (value) => {
    if (value.kind === 'trust') seen.push(value.bundles?.map((one) => one.rootsPem));
  });
  manager.setTrust(ours.rootsPem, '', bound);
  manager.setTrust(anyones.rootsPem, '', bound);
  manager.setBeside('', []);
  assert.deepEqual(seen, [
    [ours.rootsPem, ours.rootsPem, ours.rootsPem + theirs.rootsPem],
    [anyones.rootsPem, anyones.rootsPem, anyones.rootsPem + theirs.rootsPem],
    undefined,
  ]);
});

const x5c = (pem: string): string[] => {
  const blocks = pemBlocks(pem, 'CERTIFICATE');
  return blocks.ok ? blocks.value.map((der) => Buffer.from(der).toString('base64')) : [];
};
const document = (more: object, keys: readonly object[]): string => JSON.stringify({ ...more, keys });
const svidKey = (pem: string): object => ({ kty: 'EC', use: 'x509-svid', x5c: x5c(pem) });

test('a SPIFFE bundle gives its x509-svid roots and its refresh hint, whole or not at all', () => {
  const keys = [svidKey(ours.rootsPem), { kty: 'EC', use: 'jwt-svid', kid: 'a' }, svidKey(theirs.rootsPem)];
  assert.deepEqual(parseSpiffeBundle(document({ spiffe_refresh_hint: 300, spiffe_sequence: 2 }, keys)), {
    ok: true,
    value: { rootsPem: ours.rootsPem + theirs.rootsPem, refreshMs: 300_000 },
  });
  for (const text of [
    '{',
    'null',
    '{}',
    document({}, []),
    document({}, [{ kty: 'EC', use: 'jwt-svid' }]),
    document({}, [svidKey(ours.rootsPem + theirs.rootsPem)]),
    document({}, [svidKey(ours.rootsPem), { use: 'x509-svid', x5c: ['AAAA'] }]),
    document({}, [svidKey(ours.rootsPem), { use: 'x509-svid' }]),
  ]) {
    const read = parseSpiffeBundle(text);
    assert.equal(read.ok ? 'ok' : read.error.code, 'spiffe_bundle_malformed', text.slice(0, 80));
  }
});

test('a bundle is asked for again as often as it says, and the last good one stays through failures', async () => {
  const clock = new FakeClock(NOW);
  const heard: (string | undefined)[] = [];
  let answer = document({ spiffe_refresh_hint: 60 }, [svidKey(ours.rootsPem)]);
  let asked = 0;
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const keeper = new KeySetKeeper({
    clock,
    log,
    fetch: async () => {
      asked++;
      return { ok: true, value: answer };
    },
    changed: (sets) => heard.push(sets.get('bundle https://partner.example/bundle')),
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  keeper.want([{ kind: 'bundle', url: 'https://partner.example/bundle', timeoutMs: 1000 }]);
  await settle();
  answer = '{"keys": "none"}';
  clock.advance(60_000);
  await settle();
  assert.deepEqual([asked, heard, warnings], [2, [ours.rootsPem], ['a SPIFFE bundle could not be fetched']]);
  answer = document({ spiffe_refresh_hint: 60 }, [svidKey(theirs.rootsPem)]);
  clock.advance(60_000);
  await settle();
  assert.deepEqual(heard, [ours.rootsPem, theirs.rootsPem]);
  keeper.close();
});
