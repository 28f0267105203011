// Certificates that must not pass, shown to a real proxy in real handshakes, by a client and by a server: each is refused,
// and the log says why. What a library would refuse to write is written as raw DER.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { type Logger, silentLogger } from '#base';
import {
  makeIntermediate,
  makeRoot,
  readKeyPair,
  type SecretSource,
  type SecretValue,
  type SigningAuthority,
} from '#identity';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import { formatPem, OID, parseCertificate, writeName } from '#wire/tls';
import { makePeer } from '../../../src/identity/testing/make-peer.ts';
import { type ProxyHandle, startProxy } from '../../../src/main/proxy.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';
import { type App, cluster, fetchText, listener, managerFilter, startApp } from './proxy-fixture.ts';

const NOW = Date.now();
const HOUR = 3_600_000;
const MESH = 'spiffe://cluster.local/ns/default/sa/reviews';
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

interface Forged {
  readonly certPem: string;
  readonly keyPem: string;
}

function forged(changes: Parameters<typeof makePeer>[2] = {}, authority: SigningAuthority = root): Forged {
  const peer = makePeer(authority, NOW, changes);
  return { certPem: peer.pem + authority.intermediatesPem, keyPem: peer.keyPem };
}

/** An RSA key of `bits`, certified by the mesh's own root. */
function weak(bits: number): Forged {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    certPem: makePeer(root, NOW, { spki, keyEncipherment: true }).pem,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

/** `count` intermediates between the leaf and our root. */
function below(count: number): Forged {
  let authority = root;
  for (let i = 0; i < count; i++) authority = makeIntermediate(authority, { organization: `between ${i}`, nowMs: NOW });
  return forged({}, authority);
}

const onlyFor = (usage: string): Forged => forged({ extendedKeyUsage: [usage] });
const pathless = makeIntermediate(root, { organization: 'no more below', nowMs: NOW, pathLength: 0 });

/** What is wrong, the code that the log must give, the certificate; its own usage where the two roles differ. */
const NEGATIVES: readonly (readonly [what: string, code: RegExp, shown: (role: 'client' | 'server') => Forged])[] = [
  ['a NUL in its name', /peer_san_malformed/, () => forged({ uris: [`${MESH}\0.evil.example`] })],
  ['a line break in its name', /peer_san_malformed/, () => forged({ uris: [`${MESH}\n`] })],
  [
    'several URI names',
    /peer_several_identities/,
    () => forged({ uris: [MESH, 'spiffe://cluster.local/ns/default/sa/admin'] }),
  ],
  ['no name at all', /peer_san_mismatch/, () => forged({ uris: [] })],
  ['a DNS name instead of an identity', /peer_san_mismatch/, () => forged({ uris: [], dns: ['reviews.default.svc'] })],
  ['a malformed identity', /peer_bad_identity/, () => forged({ uris: ['spiffe://cluster.local/../admin'] })],
  [
    'an upper-case trust domain',
    /peer_bad_identity|peer_san_mismatch/,
    () => forged({ uris: [MESH.replace('cluster', 'CLUSTER')] }),
  ],
  [
    'the usage of the other role',
    /peer_wrong_usage/,
    (role) => onlyFor(role === 'client' ? OID.serverAuth : OID.clientAuth),
  ],
  ['a usage that is none of TLS', /peer_wrong_usage/, () => onlyFor('1.3.6.1.5.5.7.3.3')],
  ['an end that has passed', /peer_expired/, () => forged({ notBeforeMs: NOW - 2 * HOUR, notAfterMs: NOW - HOUR })],
  [
    'a beginning that is to come',
    /peer_not_yet_valid/,
    () => forged({ notBeforeMs: NOW + HOUR, notAfterMs: NOW + 2 * HOUR }),
  ],
  [
    'another trust domain',
    /peer_san_mismatch/,
    () => forged({ uris: ['spiffe://evil.example/ns/default/sa/reviews'] }),
  ],
  [
    'a root that nobody trusts',
    /peer_unknown_root/,
    () => forged({}, makeRoot({ organization: 'stranger', nowMs: NOW })),
  ],
  [
    'a root of the same name and another key',
    /peer_unknown_root|peer_bad_signature/,
    () => forged({}, makeRoot({ organization: 'cluster.local', nowMs: NOW })),
  ],
  ['a weak key', /peer_weak_key/, () => weak(1024)],
  ['too many certificates above it', /peer_chain_too_long|CHAIN_TOO_LONG/, () => below(12)],
  [
    'an intermediate below one that allows none',
    /PATH_LENGTH_EXCEEDED|peer_chain_too_long/,
    () => forged({}, makeIntermediate(pathless, { organization: 'one too many', nowMs: NOW })),
  ],
  ['the flag of an authority', /peer_is_ca/, () => forged({ ca: { pathLength: undefined } })],
  ['an issuer that may not sign', /INVALID_CA|INVALID_PURPOSE|peer_issuer_not_ca/, () => forged({}, leafAsAuthority())],
];

/** A leaf of the mesh that signs as if it might. */
function leafAsAuthority(): SigningAuthority {
  const leaf = makePeer(root, NOW, { subject: writeName('no authority') });
  const key = readKeyPair(leaf.keyPem);
  const certificate = parseCertificate(leaf.der);
  assert.ok(key.ok && certificate.ok);
  return { certificate: certificate.value, key: key.value, intermediatesPem: leaf.pem, rootsPem: root.rootsPem };
}

const secretsOf = (good: Forged): SecretSource => {
  const values: Readonly<Record<string, SecretValue>> = {
    default: {
      kind: 'certificate',
      certChainPem: good.certPem,
      privateKeyPem: good.keyPem,
      version: 'good',
      notAfterMs: NOW + HOUR,
      spiffeId: MESH,
    },
    ROOTCA: { kind: 'trust', rootsPem: formatPem('CERTIFICATE', root.certificate.der), crlPem: '', version: 'r' },
  };
  return { subscribe: (name, changed) => (values[name] === undefined ? () => {} : (changed(values[name]), () => {})) };
};

const common = {
  tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: { ads: {} } }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }],
    },
    validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: { ads: {} } },
  },
  alpn_protocols: ['http/1.1'],
};
const socket = (kind: string, extra: object) => ({
  name: 'tls',
  typed_config: { '@type': `${TLS}.${kind}`, common_tls_context: common, ...extra },
});

describe('a certificate that must not pass', () => {
  const lines: string[] = [];
  const record = (message: string, fields?: object): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Logger = { ...silentLogger, debug: record, info: record, warn: record, error: record, scope: () => log };
  let app: App;
  let handle: ProxyHandle;
  const forger = createServer({
    requestCert: false,
    SNICallback: (_, done) => done(null),
    ciphers: 'DEFAULT@SECLEVEL=0',
  });

  before(async () => {
    app = await startApp((_, response) => response.end('reached'));
    forger.on('tlsClientError', () => {});
    forger.on('secureConnection', (s) => {
      s.on('error', () => {});
      s.on('data', () => s.end('HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nreached'));
    });
    await new Promise<void>((resolve) => forger.listen(0, '127.0.0.1', resolve));
    const route = (to: string) => managerFilter([{ match: { prefix: '/' }, route: { cluster: to } }]);
    handle = await startProxy({
      bootstrap: await readBootstrap(
        JSON.stringify({
          static_resources: {
            listeners: [
              listener('in', [
                {
                  filters: [route('app')],
                  transport_socket: socket('DownstreamTlsContext', { require_client_certificate: true }),
                },
              ]),
              listener('out', [{ filters: [route('forger')] }]),
            ],
            clusters: [
              cluster('app', [app.port]),
              cluster('forger', [(forger.address() as AddressInfo).port], {
                transport_socket: socket('UpstreamTlsContext', { sni: 'server.mesh' }),
              }),
            ],
          },
        }),
      ),
      clock: new SystemClock(),
      random: new SystemRandom(),
      net: new SystemNet(),
      log,
      secrets: secretsOf(forged()),
    });
  });
  after(() => {
    handle.close();
    forger.close();
    app.close();
  });

  const port = (name: string): number => handle.addresses().get(name)?.[0]?.port ?? 0;

  /** What an HTTP request over a connection with this client certificate comes to. */
  function asClient({ certPem, keyPem }: Forged): Promise<string> {
    return new Promise((resolve) => {
      const s = connect({
        host: '127.0.0.1',
        port: port('in'),
        cert: certPem,
        key: keyPem,
        rejectUnauthorized: false,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      let text = '';
      s.on('secureConnect', () => s.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
      s.on('data', (data) => (text += data.toString()));
      s.on('error', () => {});
      s.on('close', () => resolve(text));
    });
  }

  async function asServer({ certPem, keyPem }: Forged): Promise<string> {
    forger.setSecureContext({ cert: certPem, key: keyPem, ciphers: 'DEFAULT@SECLEVEL=0' });
    const { status, body } = await fetchText(port('out'), '/');
    return `HTTP/1.1 ${status} ${body}`;
  }

  test('a good one passes in both roles, so that the refusals below mean something', async () => {
    assert.match(await asClient(forged()), /200 OK[^]*reached/);
    assert.match(await asServer(forged()), /200 reached/);
    assert.match(await asClient(below(1)), /200 OK[^]*reached/, 'below an intermediate that we never saw');
    assert.match(await asServer(below(1)), /200 reached/);
  });

  for (const [what, code, shown] of NEGATIVES) {
    test(`has ${what}`, async () => {
      for (const [role, show] of [
        ['client', asClient],
        ['server', asServer],
      ] as const) {
        lines.length = 0;
        const answer = await show(shown(role));
        assert.doesNotMatch(answer, /reached/, `as ${role}`);
        assert.ok(
          lines.some((line) => code.test(line)),
          `as ${role}: ${answer}\n${lines.join('\n')}`,
        );
      }
    });
  }
});
