import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { err, FakeClock, ok, silentLogger } from '#base';
import { classifyAddress, mayFetchFrom } from './address-policy.ts';
import { KeySetKeeper } from './key-set-keeper.ts';
import { parseKeySet } from './parse-key-set.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { readToken } from './read-token.ts';

const NOW = 1_750_000_000_000;
const clock = new FakeClock(NOW);
const rule = { issuer: 'https://issuer.example', audiences: ['shop'], skewMs: 60_000 };

async function key(kid?: string) {
  const pair = await generateKeyPair('ES256');
  return { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), ...(kid === undefined ? {} : { kid }) } };
}

function sign(
  privateKey: Awaited<ReturnType<typeof key>>['privateKey'],
  changes: { readonly iss?: string; readonly aud?: string; readonly exp?: number; readonly kid?: string } = {},
): Promise<string> {
  return new SignJWT({ group: 'a' })
    .setProtectedHeader({ alg: 'ES256', ...(changes.kid === undefined ? {} : { kid: changes.kid }) })
    .setIssuer(changes.iss ?? rule.issuer)
    .setAudience(changes.aud ?? 'shop')
    .setExpirationTime(changes.exp ?? NOW / 1000 + 60)
    .sign(privateKey);
}

async function judge(token: string, keys: JSONWebKeySet): Promise<string> {
  const read = readToken(token);
  const verified = read.ok ? await new JwtVerifier(rule, keys, clock).verify(read.value) : read;
  return verified.ok ? 'ok' : verified.error.code;
}

test('a token is taken from its issuer, for its audience, in its time, by any key of the set', async () => {
  const [one, two, stranger] = [await key(), await key(), await key()];
  const keys = { keys: [one.jwk, two.jwk] };
  const code = async (token: string): Promise<string> => {
    return judge(token, keys);
  };
  assert.equal(await code(await sign(two.privateKey)), 'ok');
  assert.equal(await code(await sign(stranger.privateKey)), 'jwt_untrusted');
  assert.equal(await code(await sign(one.privateKey, { iss: 'https://other.example' })), 'jwt_issuer');
  assert.equal(await code(await sign(one.privateKey, { aud: 'bank' })), 'jwt_audience');
  assert.equal(await code(await sign(one.privateKey, { exp: NOW / 1000 - 61 })), 'jwt_expired');
  assert.equal(await code('a.b.c'), 'jwt_header_base64');
  const symmetric = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(rule.issuer)
    .sign(Buffer.from(JSON.stringify(one.jwk)));
  assert.equal(await code(symmetric), 'jwt_algorithm_refused');
});

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

test('every trick of RFC 8725 is refused for its own reason', async () => {
  const one = await key('one');
  const rsa = await generateKeyPair('RS256', { extractable: true });
  const rsaJwk = { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', use: 'sig' };
  const keys = {
    keys: [one.jwk, rsaJwk, { ...one.jwk, kid: 'enc', use: 'enc' }, { ...one.jwk, kid: 'ops', key_ops: ['sign'] }],
  };
  const good = await sign(one.privateKey, { kid: 'one' });
  const [, payload = '', signature = ''] = good.split('.');
  const headed = (header: unknown): string => `${b64(header)}.${payload}.${signature}`;
  const claimed = (claims: unknown, header: unknown = { alg: 'ES256', kid: 'one' }): string =>
    `${b64(header)}.${b64(claims)}.${signature}`;
  const confused = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
    .setIssuer(rule.issuer)
    .setAudience('shop')
    .sign(Buffer.from(await exportSPKI(rsa.publicKey)));
  const claims = { iss: rule.issuer, aud: 'shop' };
  const corpus: readonly (readonly [name: string, token: string, code: string])[] = [
    ['no signature', `${b64({ alg: 'none' })}.${payload}.`, 'jwt_algorithm_refused'],
    ['none in another case', `${b64({ alg: 'NoNe' })}.${payload}.`, 'jwt_algorithm_refused'],
    ['a signature taken away', `${b64({ alg: 'ES256', kid: 'one' })}.${payload}.`, 'jwt_signature_base64'],
    ['a public key as a shared secret', confused, 'jwt_algorithm_refused'],
    ['an algorithm of another key type', headed({ alg: 'RS256', kid: 'one' }), 'jwt_no_such_key'],
    ['an algorithm of another curve', headed({ alg: 'ES384', kid: 'one' }), 'jwt_no_such_key'],
    ['no algorithm', headed({ kid: 'one' }), 'jwt_algorithm_missing'],
    ['a list of algorithms', headed({ alg: ['ES256'] }), 'jwt_algorithm_missing'],
    ['a path as key id', headed({ alg: 'ES256', kid: '../../../../dev/null' }), 'jwt_no_such_key'],
    ['a query as key id', headed({ alg: 'ES256', kid: "one' UNION SELECT 'x" }), 'jwt_no_such_key'],
    ['a number as key id', headed({ alg: 'ES256', kid: 1 }), 'jwt_key_id'],
    ['an endless key id', headed({ alg: 'ES256', kid: 'x'.repeat(600) }), 'jwt_key_id'],
    ['a key for encryption', await sign(one.privateKey, { kid: 'enc' }), 'jwt_no_such_key'],
    ['a key that may not verify', await sign(one.privateKey, { kid: 'ops' }), 'jwt_no_such_key'],
    ['its own key inside', await embedded(), 'jwt_untrusted'],
    ['an address of keys inside', headed({ alg: 'ES256', jku: 'https://evil.example/keys' }), 'jwt_untrusted'],
    ['a critical extension', headed({ alg: 'ES256', kid: 'one', crit: ['exp'] }), 'jwt_critical_header'],
    ['an empty list of critical extensions', headed({ alg: 'ES256', kid: 'one', crit: [] }), 'jwt_critical_header'],
    ['a payload that is not encoded', headed({ alg: 'ES256', kid: 'one', b64: false }), 'jwt_critical_header'],
    ['a compressed payload', headed({ alg: 'ES256', kid: 'one', zip: 'DEF' }), 'jwt_critical_header'],
    ['an encrypted token', `${good}.${signature}.${signature}`, 'jwt_bad_form'],
    ['two parts', `${b64({ alg: 'ES256' })}.${payload}`, 'jwt_bad_form'],
    ['an empty payload', `${b64({ alg: 'ES256' })}..${signature}`, 'jwt_bad_form'],
    ['a huge token', claimed({ ...claims, pad: 'x'.repeat(20_000) }), 'jwt_too_long'],
    ['padded base64', `${b64({ alg: 'ES256', kid: 'one' })}==.${payload}.${signature}`, 'jwt_header_base64'],
    ['plain base64', `${b64({ alg: 'ES256' })}.a+/b.${signature}`, 'jwt_payload_base64'],
    ['a header that is a list', `${b64([])}.${payload}.${signature}`, 'jwt_header_json'],
    ['a payload that is text', claimed('"x"'), 'jwt_payload_json'],
    [
      'a payload that is no UTF-8',
      `${b64({ alg: 'ES256', kid: 'one' })}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.${signature}`,
      'jwt_payload_json',
    ],
    ['an issuer that is a list', claimed({ ...claims, iss: [rule.issuer] }), 'jwt_claim_type'],
    ['an expiry that is text', claimed({ ...claims, exp: '9999999999' }), 'jwt_claim_type'],
    ['an expiry before the epoch', claimed({ ...claims, exp: -1 }), 'jwt_claim_type'],
    ['an audience that is an object', claimed({ ...claims, aud: {} }), 'jwt_claim_type'],
    ['a foreign issuer', claimed({ ...claims, iss: `${rule.issuer}.evil` }), 'jwt_issuer'],
    ['no issuer', claimed({ aud: 'shop' }), 'jwt_issuer'],
    ['another audience', claimed({ ...claims, aud: ['shopping'] }), 'jwt_audience'],
    ['no audience', claimed({ iss: rule.issuer }), 'jwt_audience'],
    ['expired, more than clocks may differ', claimed({ ...claims, exp: NOW / 1000 - 61 }), 'jwt_expired'],
    ['not valid yet, more than clocks may differ', claimed({ ...claims, nbf: NOW / 1000 + 61 }), 'jwt_not_yet_valid'],
    ['a changed claim', claimed({ ...claims, admin: true }), 'jwt_untrusted'],
    ['a changed signature', `${good.slice(0, -8)}AAAAAAAA`, 'jwt_untrusted'],
    [
      'a signature of zeros',
      `${b64({ alg: 'ES256', kid: 'one' })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      'jwt_untrusted',
    ],
  ];
  for (const [name, token, expected] of corpus) assert.equal(await judge(token, keys), expected, name);
  assert.equal(await judge(good, keys), 'ok');
  assert.equal(await judge(good, { keys: [] }), 'jwt_no_keys');
  assert.equal(
    await judge(await sign(one.privateKey, { kid: 'one', exp: NOW / 1000 - 59 }), keys),
    'ok',
    'clocks may differ by a minute',
  );

  async function embedded(): Promise<string> {
    const evil = await key();
    return new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', jwk: evil.jwk })
      .setIssuer(rule.issuer)
      .setAudience('shop')
      .sign(evil.privateKey);
  }
});

test('a key set is fetched at once, refreshed, kept through failures, and tried again with patience', async () => {
  const time = new FakeClock(NOW);
  const [one, two] = [await key('1'), await key('2')];
  let set = JSON.stringify({ keys: [one.jwk] });
  let down = false;
  const asked: string[] = [];
  let sets: ReadonlyMap<string, string> = new Map();
  const keeper = new KeySetKeeper({
    clock: time,
    log: silentLogger,
    fetch: async (url) => (asked.push(url), down ? err({ kind: 'failed', message: 'refused' }) : ok(set)),
    changed: (known) => (sets = known),
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const source = { kind: 'uri' as const, url: 'https://k.example', timeoutMs: 5000 };
  keeper.want([source]);
  keeper.want([source]);
  await settle();
  assert.deepEqual([asked.length, JSON.parse(sets.get('uri https://k.example') ?? '').keys[0].kid], [1, '1']);
  down = true;
  time.advance(20 * 60_000);
  await settle();
  assert.ok(sets.has('uri https://k.example'));
  assert.equal(keeper.problemOf('uri https://k.example')?.code, 'jwks_fetch_failed');
  for (const pause of [1000, 1000, 1000, 60_000, 120_000]) {
    time.advance(pause - 1);
    await settle();
    const before = asked.length;
    time.advance(1);
    await settle();
    assert.equal(asked.length, before + 1, `after ${pause}`);
  }
  down = false;
  set = JSON.stringify({ keys: [two.jwk] });
  time.advance(60 * 60_000);
  await settle();
  assert.equal(JSON.parse(sets.get('uri https://k.example') ?? '').keys[0].kid, '2');
  keeper.want([]);
  assert.equal(time.pendingTimers, 0);
});

test('an issuer is asked where its keys are, and must name itself', async () => {
  const set = JSON.stringify({ keys: [(await key('1')).jwk] });
  const answers: Record<string, string> = {
    'https://a.example/.well-known/openid-configuration':
      '{"issuer":"https://a.example","jwks_uri":"https://a.example/keys"}',
    'https://b.example/.well-known/openid-configuration':
      '{"issuer":"https://a.example","jwks_uri":"https://a.example/keys"}',
    'https://a.example/keys': set,
  };
  const known = new Set<string>();
  const keeper = new KeySetKeeper({
    clock: new FakeClock(NOW),
    log: silentLogger,
    fetch: async (url) => ok(answers[url] ?? ''),
    changed: (_, one) => void known.add(one),
  });
  keeper.want(['https://a.example', 'https://b.example'].map((url) => ({ kind: 'issuer', url, timeoutMs: 5000 })));
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assert.deepEqual([...known], ['issuer https://a.example']);
  assert.equal(keeper.problemOf('issuer https://b.example')?.code, 'jwks_malformed');
});

test('a key set of symmetric keys or other nonsense is refused', () => {
  for (const text of ['', '{}', '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}', '{"keys":[null]}']) {
    const read = parseKeySet(text);
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
