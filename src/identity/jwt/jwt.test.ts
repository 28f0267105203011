import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { err, FakeClock, ok } from '#base';
import { classifyAddress, mayFetchFrom } from './address-policy.ts';
import { KeySets } from './key-sets.ts';
import { verifyJwt } from './verify-jwt.ts';

const NOW = 1_750_000_000_000;
const clock = new FakeClock(NOW);
const rule = { issuer: 'https://issuer.example', audiences: ['shop'], skewMs: 60_000 };

async function key(kid?: string) {
  const pair = await generateKeyPair('ES256');
  return { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), ...(kid === undefined ? {} : { kid }) } };
}

function sign(
  privateKey: Awaited<ReturnType<typeof key>>['privateKey'],
  changes: { iss?: string; aud?: string; exp?: number; kid?: string } = {},
): Promise<string> {
  return new SignJWT({ group: 'a' })
    .setProtectedHeader({ alg: 'ES256', ...(changes.kid === undefined ? {} : { kid: changes.kid }) })
    .setIssuer(changes.iss ?? rule.issuer)
    .setAudience(changes.aud ?? 'shop')
    .setExpirationTime(changes.exp ?? NOW / 1000 + 60)
    .sign(privateKey);
}

test('a token is taken from its issuer, for its audience, in its time, by any key of the set', async () => {
  const [one, two, stranger] = [await key(), await key(), await key()];
  const keys = { keys: [one.jwk, two.jwk] };
  const code = async (token: string): Promise<string> => {
    const verified = await verifyJwt(token, rule, keys, clock);
    return verified.ok ? 'ok' : verified.error.code;
  };
  assert.equal(await code(await sign(two.privateKey)), 'ok');
  assert.equal(await code(await sign(stranger.privateKey)), 'jwt_untrusted');
  assert.equal(await code(await sign(one.privateKey, { iss: 'https://other.example' })), 'jwt_issuer');
  assert.equal(await code(await sign(one.privateKey, { aud: 'bank' })), 'jwt_audience');
  assert.equal(await code(await sign(one.privateKey, { exp: NOW / 1000 - 61 })), 'jwt_expired');
  assert.equal(await code(await sign(one.privateKey, { kid: 'unknown' })), 'jwt_untrusted');
  assert.equal(await code('a.b.c'), 'jwt_malformed');
  const symmetric = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(rule.issuer)
    .sign(Buffer.from(JSON.stringify(one.jwk)));
  assert.notEqual(await code(symmetric), 'ok');
});

test('a key set is fetched once for many, refreshed behind the answer, kept through failures', async () => {
  const time = new FakeClock(NOW);
  const set = JSON.stringify({ keys: [(await key('1')).jwk] });
  let fetched = 0;
  let down = false;
  const sets = new KeySets({
    clock: time,
    fetch: async () => (fetched++, down ? err({ message: 'refused' }) : ok(set)),
  });
  const results = await Promise.all([sets.get('u'), sets.get('u'), sets.get('u')]);
  assert.ok(results.every((result) => result.ok));
  assert.equal(fetched, 1);
  down = true;
  time.advance(20 * 60_000);
  assert.ok((await sets.get('u')).ok);
  await new Promise(setImmediate);
  assert.ok((await sets.get('u')).ok);
  assert.equal(fetched, 2, 'a failed refresh waits a minute');
  const never = await sets.get('other');
  assert.equal(never.ok ? '' : never.error.code, 'jwks_fetch_failed');
});

test('a key set of symmetric keys or other nonsense is refused', async () => {
  for (const text of ['', '{}', '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}', '{"keys":[null]}']) {
    const read = await new KeySets({ clock, fetch: async () => ok(text) }).get('u');
    assert.equal(read.ok ? '' : read.error.code, 'jwks_malformed', text);
  }
});

test('addresses inside are told from those outside, in every disguise', () => {
  const expected: Record<string, string> = {
    '8.8.8.8': 'public',
    '172.32.0.1': 'public',
    '2606:4700::1111': 'public',
    '::ffff:8.8.8.8': 'public',
    '127.0.0.1': 'loopback',
    '::1': 'loopback',
    '::ffff:127.0.0.1': 'loopback',
    '::ffff:7f00:1': 'loopback',
    '64:ff9b::7f00:1': 'loopback',
    '2002:7f00:1::': 'loopback',
    '10.1.2.3': 'private',
    '172.16.0.1': 'private',
    '172.31.255.255': 'private',
    '192.168.1.1': 'private',
    '100.64.0.1': 'private',
    'fd00:ec2::254': 'private',
    '169.254.169.254': 'link-local',
    '::ffff:169.254.169.254': 'link-local',
    'fe80::1%eth0': 'link-local',
    '0.0.0.0': 'special',
    '::': 'special',
    '255.255.255.255': 'special',
    '224.0.0.1': 'special',
    'ff02::1': 'special',
  };
  for (const [address, kind] of Object.entries(expected)) assert.equal(classifyAddress(address), kind, address);
  for (const text of [
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '010.0.0.1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '2130706433',
  ])
    assert.equal(classifyAddress(text), undefined, text);
});

test("what is not public needs the operator's word", () => {
  const none = { privateRanges: false, exactly: [] };
  assert.equal(mayFetchFrom('8.8.8.8', none), true);
  for (const address of ['10.0.0.1', '127.0.0.1', '169.254.169.254', 'nonsense'])
    assert.equal(mayFetchFrom(address, none), false, address);
  assert.equal(mayFetchFrom('10.0.0.1', { ...none, privateRanges: true }), true);
  assert.equal(mayFetchFrom('169.254.169.254', { ...none, privateRanges: true }), false);
});
