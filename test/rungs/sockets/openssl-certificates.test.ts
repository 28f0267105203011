// openssl as the second opinion on what the authority issues, and as a source of what our readers must take.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  generateKeyPair,
  issueLeaf,
  makeCsr,
  makeIntermediate,
  makePeerCheck,
  makeRoot,
  readCertificateSecret,
} from '#identity';
import { formatPem, parseCertificateRequest, pemBlocks, writeRevocationList } from '#wire/tls';

const folder = mkdtempSync(join(tmpdir(), 'topsail-openssl-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
const skip = ((): string | false => {
  try {
    openssl('version');
    return false;
  } catch {
    if (process.env['CI']) throw new Error('openssl is needed for this rung');
    return 'no openssl here';
  }
})();

const NOW = Date.now();
const ID = 'spiffe://cluster.local/ns/default/sa/reviews';

test('openssl verifies our leaf over our intermediate, for both usages, and honours our revocation list', {
  skip,
}, () => {
  const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
  const between = makeIntermediate(root, { organization: 'mesh', nowMs: NOW, pathLength: 0 });
  const leaf = issueLeaf(
    between,
    { spki: generateKeyPair().spki, uris: [ID], ttlMs: 3_600_000, keyEncipherment: false },
    NOW,
  );
  const [leafFile, rootFile, betweenFile] = [
    file('leaf.pem', leaf.pem),
    file('root.pem', root.rootsPem),
    file('between.pem', between.intermediatesPem),
  ];
  for (const purpose of ['sslclient', 'sslserver']) {
    assert.match(
      openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', rootFile, '-untrusted', betweenFile, leafFile),
      /leaf.pem: OK/,
    );
  }
  const text = openssl('x509', '-in', leafFile, '-noout', '-text');
  assert.match(text, /Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster.local\/ns\/default\/sa\/reviews/);
  assert.match(text, /CA:FALSE/);
  const lists = [root, between].map((authority) =>
    formatPem(
      'X509 CRL',
      writeRevocationList(
        {
          issuer: authority.certificate.subject,
          authorityKeyId: authority.key.keyId,
          thisUpdateMs: NOW - 1000,
          nextUpdateMs: NOW + 3_600_000,
          number: 1,
          revoked: authority === between ? [{ serial: leaf.serial, atMs: NOW - 1000 }] : [],
        },
        authority.key,
      ),
    ),
  );
  const crlFile = file('crl.pem', lists.join(''));
  assert.throws(
    () =>
      openssl(
        'verify',
        '-crl_check_all',
        '-CRLfile',
        crlFile,
        '-CAfile',
        rootFile,
        '-untrusted',
        betweenFile,
        leafFile,
      ),
    /certificate revoked/,
  );
});

test('openssl verifies our request, and we take its own, RSA and ECDSA', { skip }, () => {
  const ours = file('ours.csr', makeCsr(generateKeyPair(), ID));
  assert.doesNotThrow(() => openssl('req', '-in', ours, '-noout', '-verify'));
  for (const kind of [['rsa:2048'], ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']]) {
    const pem = openssl(
      'req',
      '-new',
      '-newkey',
      ...kind,
      '-nodes',
      '-keyout',
      'k.pem',
      '-subj',
      '/O=x',
      '-addext',
      `subjectAltName=URI:${ID}`,
    );
    const blocks = pemBlocks(pem, 'CERTIFICATE REQUEST');
    const parsed = blocks.ok ? parseCertificateRequest(blocks.value[0] as Uint8Array) : blocks;
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
    assert.deepEqual(parsed.value.names.uris, [ID]);
  }
});

test('a self-signed server of openssl is accepted where it is pinned, an RSA pair is a usable secret', { skip }, () => {
  const pem = openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'server.key',
    '-subj',
    '/CN=server',
    '-days',
    '1',
    '-addext',
    'subjectAltName=DNS:server.example,IP:10.0.0.1',
  );
  const blocks = pemBlocks(pem, 'CERTIFICATE');
  assert.ok(blocks.ok);
  const check = makePeerCheck({
    roots: pem,
    crl: '',
    sanMatchers: [{ san: 'dns', how: { kind: 'exact', value: 'server.example' } }],
    trustDomains: undefined,
    required: true,
    peerIs: 'server',
    // What openssl has made begins when it made it.
    clock: { wallTime: () => Date.now() + 1000 },
  });
  const verdict = check({ chain: [...blocks.value], resumed: false, sni: '' });
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.reason);
  const key = openssl('rsa', '-in', 'server.key', '-traditional');
  assert.ok(readCertificateSecret(pem, key).ok, 'PKCS #1 keys are read too');
});
