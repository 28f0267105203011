// Sessions resumed after the peer expired, was revoked, its root removed or its name tightened are refused, in both roles (design 12).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PeerCheck, TlsContext } from '#base';
import type { PeerCheckOptions, SanMatcher } from '#identity';
import {
  generateKeyPair,
  Intermediates,
  issueLeaf,
  makeIntermediate,
  makePeerCheck,
  makeRoot,
  privateKeyPem,
} from '#identity';
import type { SigningAuthority } from '#identity';
import { formatPem, parseCertificate, pemBlocks, writeRevocationList } from '#wire/tls';
import type { ServerSide } from './tls-pair.ts';
import { dial, startEcho } from './tls-pair.ts';

const NOW = Date.now();
const HOUR = 3_600_000;
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const otherRoot = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';
const SERVER = 'spiffe://cluster.local/ns/default/sa/server';

interface Identity {
  readonly context: TlsContext;
  readonly serial: string;
}

let contexts = 0;
function identity(uri: string, authority: SigningAuthority = root, ttlMs = HOUR): Identity {
  const key = generateKeyPair();
  const leaf = issueLeaf(authority, { spki: key.spki, uris: [uri], ttlMs, keyEncipherment: false }, NOW);
  const context: TlsContext = {
    certChainPem: leaf.pem + authority.intermediatesPem,
    privateKeyPem: privateKeyPem(key),
    rootsPem: root.rootsPem,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    version: `test ${++contexts}`,
  };
  const blocks = pemBlocks(leaf.pem, 'CERTIFICATE');
  const parsed = blocks.ok ? parseCertificate(blocks.value[0] as Uint8Array) : blocks;
  if (!parsed.ok) throw parsed.error;
  return { context, serial: parsed.value.serial };
}

function crlOf(serial: string): string {
  return formatPem(
    'X509 CRL',
    writeRevocationList(
      {
        issuer: root.certificate.subject,
        authorityKeyId: root.key.keyId,
        thisUpdateMs: NOW - 1000,
        nextUpdateMs: NOW + 24 * HOUR,
        number: 1,
        revoked: [{ serial, atMs: NOW }],
      },
      root.key,
    ),
  );
}

/** A check that also remembers whether it was asked about a resumed session. */
function spied(
  peerIs: 'client' | 'server',
  changes: Partial<PeerCheckOptions> = {},
): { check: PeerCheck; resumed: boolean[] } {
  const resumed: boolean[] = [];
  const inner = makePeerCheck({
    roots: root.rootsPem,
    crl: '',
    sanMatchers: [],
    trustDomains: ['cluster.local'],
    required: true,
    peerIs,
    clock: { wallTime: () => Date.now() },
    ...changes,
  });
  return { resumed, check: (peer) => (resumed.push(peer.resumed), inner(peer)) };
}

const servers: ServerSide[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function echo(server: Identity, check: PeerCheck): Promise<ServerSide> {
  const side = await startEcho({ context: server.context, check });
  servers.push(side);
  return side;
}

const exactly = (value: string): SanMatcher => ({ san: 'uri', how: { kind: 'exact', value } });
/** What may happen to a peer between its first handshake and the next. */
const withdrawals: readonly (readonly [string, string, (peer: Identity) => Partial<PeerCheckOptions>])[] = [
  ['expired', 'peer_expired', () => ({ clock: { wallTime: () => NOW + HOUR + 60_000 } })],
  ['was revoked', 'peer_revoked', (peer) => ({ crl: crlOf(peer.serial) })],
  ['lost its root', 'peer_unknown_root', () => ({ roots: otherRoot.rootsPem })],
  [
    'no longer has an expected name',
    'peer_san_mismatch',
    () => ({ sanMatchers: [exactly('spiffe://cluster.local/ns/default/sa/somebody-else')] }),
  ],
];

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  for (const [what, code, change] of withdrawals) {
    test(`${version}: a server refuses a resumed client that ${what}`, async () => {
      const [client, server] = [identity(CLIENT), identity(SERVER)];
      const context = { ...client.context, maxVersion: version };
      const side = await echo(server, spied('client').check);
      const judge = spied('server');
      assert.ok((await dial(side.port, { context, check: judge.check })).echoed);
      assert.ok((await dial(side.port, { context, check: judge.check })).echoed);
      assert.deepEqual(
        judge.resumed,
        [false, true],
        'the second handshake must have been resumed, or this shows nothing',
      );
      const strict = spied('client', change(client));
      side.options = { ...side.options, check: strict.check };
      const third = await dial(side.port, { context, check: judge.check });
      assert.equal(third.echoed, false);
      assert.deepEqual(strict.resumed, [true]);
      const outcome = side.outcomes.at(-1);
      assert.match(outcome?.ok === false ? outcome.error.message : 'accepted', new RegExp(code));
    });

    test(`${version}: a client refuses a resumed server that ${what}`, async () => {
      const [client, server] = [identity(CLIENT), identity(SERVER)];
      const context = { ...client.context, maxVersion: version };
      const side = await echo(server, spied('client').check);
      const judge = spied('server');
      assert.ok((await dial(side.port, { context, check: judge.check })).echoed);
      const strict = spied('server', change(server));
      const second = await dial(side.port, { context, check: strict.check });
      assert.deepEqual(strict.resumed, [true], 'the second handshake must have been resumed, or this shows nothing');
      assert.equal(second.facts, undefined);
      assert.match(second.error?.message ?? 'accepted', new RegExp(code));
      const third = await dial(side.port, { context, check: judge.check });
      assert.equal(judge.resumed.at(-1), false, 'a refused session is not tried again');
      assert.ok(third.echoed);
    });
  }
}

test('a session is never resumed under another expected name or another trust version', async () => {
  const [client, server] = [identity(CLIENT), identity(SERVER)];
  const side = await echo(server, spied('client').check);
  const judge = spied('server');
  assert.ok((await dial(side.port, { context: client.context, check: judge.check, checkKey: 'a' })).echoed);
  assert.ok((await dial(side.port, { context: client.context, check: judge.check, checkKey: 'b' })).echoed);
  assert.ok(
    (
      await dial(side.port, {
        context: { ...client.context, version: `${client.context.version} next` },
        check: judge.check,
        checkKey: 'a',
      })
    ).echoed,
  );
  assert.deepEqual(judge.resumed, [false, false, false]);
});

test('a server with another secret or trust version does not resume what an older one began', async () => {
  const [client, server] = [identity(CLIENT), identity(SERVER)];
  const judge = spied('client');
  const side = await echo(server, judge.check);
  const { check } = spied('server');
  assert.ok((await dial(side.port, { context: client.context, check })).echoed);
  side.options = { ...side.options, context: { ...server.context, version: `${server.context.version} next` } };
  assert.ok((await dial(side.port, { context: client.context, check })).echoed);
  assert.deepEqual(judge.resumed, [false, false]);
});

test('a client without certificate is anonymous where none is required, and refused elsewhere', async () => {
  const server = identity(SERVER);
  const side = await echo(server, spied('client', { required: false }).check);
  const context: TlsContext = {
    rootsPem: root.rootsPem,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    version: 'anonymous',
  };
  const { check } = spied('server');
  assert.ok((await dial(side.port, { context, check })).echoed);
  const first = side.outcomes.at(-1);
  assert.equal(first?.ok === true && first.facts.peer.kind, 'anonymous');
  side.options = { ...side.options, check: spied('client').check };
  assert.equal((await dial(side.port, { context, check })).echoed, false);
  const second = side.outcomes.at(-1);
  assert.match(second?.ok === false ? second.error.message : 'accepted', /peer_no_certificate/);
});

test('a peer of an unknown root is refused by either side, even where nobody requires a certificate', async () => {
  const [stranger, server] = [identity(CLIENT, otherRoot), identity(SERVER)];
  const side = await echo(server, spied('client', { required: false }).check);
  assert.equal((await dial(side.port, { context: stranger.context, check: spied('server').check })).echoed, false);
  assert.equal(side.outcomes.at(-1)?.ok, false);
  const fake = await echo(identity(SERVER, otherRoot), spied('client').check);
  const dialled = await dial(fake.port, { context: identity(CLIENT).context, check: spied('server').check });
  assert.equal(dialled.facts, undefined);
});

test('resumed peers of an intermediate authority are verified over what the first handshake showed, in both roles', async () => {
  const between = makeIntermediate(root, { organization: 'mesh', nowMs: NOW });
  const [client, server] = [identity(CLIENT, between), identity(SERVER, between)];
  const intermediates = new Intermediates();
  const first = spied('client', { intermediates });
  const side = await echo(server, first.check);
  const judge = spied('server');
  assert.ok((await dial(side.port, { context: client.context, check: judge.check })).echoed);
  // Another listener has a check of its own and shares only what was seen.
  const second = spied('client', { intermediates });
  side.options = { ...side.options, check: second.check };
  const again = await dial(side.port, { context: client.context, check: spied('server').check });
  assert.deepEqual(second.resumed, [true]);
  assert.ok(again.echoed, again.error?.message);
});
