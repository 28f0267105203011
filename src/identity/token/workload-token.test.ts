import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import type { PeerVerdict } from '#base';
import { FakeClock } from '#base';
import { MemoryFs } from '../testing/make-peer.ts';
import { authenticateCaller } from './caller.ts';
import { WorkloadTokens } from './workload-token.ts';

const NOW = 1_750_000_000_000;
const CLAIMS = { namespace: 'default', serviceAccount: 'reviews', workload: 'reviews-v1' };

async function start(fs = new MemoryFs(), clock = new FakeClock(NOW)) {
  const started = await WorkloadTokens.start({ fs, clock, folder: 'ca' });
  if (!started.ok) throw started.error;
  return { tokens: started.value, fs, clock };
}

async function issued(tokens: WorkloadTokens): Promise<string> {
  const token = await tokens.issue(CLAIMS);
  if (!token.ok) throw token.error;
  return token.value;
}

async function codeOf(result: Promise<{ ok: true } | { ok: false; error: { code: string } }>): Promise<string> {
  const settled = await result;
  return settled.ok ? 'ok' : settled.error.code;
}

test('a token says which workload it is for, also after a restart', async () => {
  const { tokens, fs, clock } = await start();
  const token = await issued(tokens);
  assert.equal(fs.files.get('ca/token-key.pem')?.mode, 0o600);
  const again = await start(fs, clock);
  assert.deepEqual(await again.tokens.verify(token), { ok: true, value: CLAIMS });
});

test('a token ends after one hour', async () => {
  const { tokens, clock } = await start();
  const token = await issued(tokens);
  clock.advance(3_600_000);
  assert.equal(await codeOf(tokens.verify(token)), 'ok');
  clock.advance(11_000);
  assert.equal(await codeOf(tokens.verify(token)), 'token_expired');
});

test('tokens of another mesh, changed ones and such without signature are refused', async () => {
  const { tokens } = await start();
  const other = await issued((await start()).tokens);
  assert.equal(await codeOf(tokens.verify(other)), 'token_signature');
  const [header, , signature] = (await issued(tokens)).split('.');
  const claims = Buffer.from(JSON.stringify({ ...CLAIMS, aud: 'istio-ca' })).toString('base64url');
  assert.equal(await codeOf(tokens.verify(`${header}.${claims}.${signature}`)), 'token_signature');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  assert.equal(await codeOf(tokens.verify(`${none}.${claims}.`)), 'token_malformed');
  assert.equal(await codeOf(tokens.verify('x'.repeat(10_000))), 'token_malformed');
});

test('a token of this key for another audience is refused', async () => {
  const { tokens, fs } = await start();
  const key = createPrivateKey(fs.files.get('ca/token-key.pem')?.text ?? '');
  const token = await new SignJWT({ ...CLAIMS })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('topsail')
    .setAudience('other')
    .setSubject('x')
    .setIssuedAt(NOW / 1000)
    .setExpirationTime(NOW / 1000 + 60)
    .sign(key);
  assert.equal(await codeOf(tokens.verify(token)), 'token_audience');
});

test('names that could change the path of a SPIFFE id are not put into a token', async () => {
  const { tokens } = await start();
  for (const name of ['a/b', '', '..', 'A', 'a b', 'a%2f'])
    assert.equal(await codeOf(tokens.issue({ ...CLAIMS, namespace: name })), 'token_malformed', name);
});

const ID = 'spiffe://cluster.local/ns/default/sa/reviews';
const peer = (spiffeId: string): PeerVerdict => ({
  kind: 'verified',
  uriSans: [spiffeId],
  dnsSans: [],
  spiffeId,
  notAfterMs: 0,
  serial: '1',
  subject: '',
});

test('a caller is known by token, by certificate, or by both when they agree', async () => {
  const { tokens, clock } = await start();
  const authorization = `Bearer ${await issued(tokens)}`;
  const ask = (shown: { authorization?: string; peer?: PeerVerdict }) =>
    authenticateCaller(
      { authorization: shown.authorization, peer: shown.peer ?? { kind: 'anonymous' } },
      tokens,
      'cluster.local',
    );
  assert.deepEqual(await ask({ authorization }), {
    ok: true,
    value: { spiffeId: ID, namespace: 'default', serviceAccount: 'reviews', workload: 'reviews-v1' },
  });
  assert.deepEqual(await ask({ peer: peer(ID) }), {
    ok: true,
    value: { spiffeId: ID, namespace: 'default', serviceAccount: 'reviews', workload: undefined },
  });
  assert.equal(await codeOf(ask({ authorization, peer: peer(ID) })), 'ok');
  assert.equal(await codeOf(ask({})), 'caller_unauthenticated');
  assert.equal(
    await codeOf(ask({ authorization, peer: peer('spiffe://cluster.local/ns/a/sa/b') })),
    'caller_unauthenticated',
  );
  assert.equal(await codeOf(ask({ authorization: 'Basic abc' })), 'token_malformed');
  assert.equal(await codeOf(ask({ authorization: `${authorization}x`, peer: peer(ID) })), 'token_signature');
  clock.advance(4_000_000);
  assert.equal(await codeOf(ask({ authorization })), 'token_expired');
  assert.equal(
    await codeOf(ask({ authorization, peer: peer(ID) })),
    'ok',
    'a certificate outlives the token it was got with',
  );
});

test('a certificate of an alias counts as one of the trust domain, and agrees with a token', async () => {
  const { tokens } = await start();
  const authorization = `Bearer ${await issued(tokens)}`;
  const ask = (aliases: readonly string[]) =>
    authenticateCaller({ authorization, peer: peer(ID) }, tokens, 'example.org', aliases);
  const known = await ask(['cluster.local']);
  assert.equal(known.ok && known.value.spiffeId, 'spiffe://example.org/ns/default/sa/reviews');
  assert.equal(await codeOf(ask([])), 'caller_unauthenticated');
});
