import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import './testing/reflect-shim.ts';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { parseCertificate } from './certificate.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { oid, sequence } from './der-writer.ts';
import { OID } from './oids.ts';
import { formatPem, parsePem, pemBlocks } from './pem.ts';
import { parseRevocationList } from './revocation-list.ts';
import type { CertificateFields, Signer } from './write-certificate.ts';
import { writeCertificate, writeCertificateRequest, writeName, writeRevocationList } from './write-certificate.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer: Signer = {
  algorithm: sequence(oid(OID.ecdsaSha256)),
  sign: (bytes) => sign('sha256', bytes, privateKey),
};
const spki = publicKey.export({ type: 'spki', format: 'der' });
const keyId = createHash('sha1').update(spki).digest();
const ID = 'spiffe://cluster.local/ns/default/sa/reviews';

const FIELDS: CertificateFields = {
  serial: Uint8Array.of(0x80, 1, 2),
  issuer: writeName('cluster.local'),
  subject: writeName(''),
  notBeforeMs: 1_750_000_000_000,
  notAfterMs: 1_750_086_400_000,
  spki,
  subjectKeyId: keyId,
  authorityKeyId: keyId,
  ca: undefined,
  extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
  uris: [ID],
  dns: ['reviews.default.svc'],
  keyEncipherment: false,
};

test('a leaf we write is read by @peculiar/x509 as Istio would write it', async () => {
  const other = new x509.X509Certificate(writeCertificate(FIELDS, signer) as Uint8Array<ArrayBuffer>);
  assert.equal(other.serialNumber, '00800102'.replace(/^00/, ''));
  assert.equal(other.notAfter.getTime(), FIELDS.notAfterMs);
  const san = other.getExtension(x509.SubjectAlternativeNameExtension);
  assert.equal(san?.critical, true);
  assert.deepEqual(san?.names.toJSON(), [
    { type: 'url', value: ID },
    { type: 'dns', value: 'reviews.default.svc' },
  ]);
  assert.equal(other.getExtension(x509.KeyUsagesExtension)?.usages, x509.KeyUsageFlags.digitalSignature);
  assert.deepEqual(
    [...(other.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])],
    [OID.serverAuth, OID.clientAuth],
  );
  assert.equal(other.getExtension(x509.BasicConstraintsExtension)?.ca, false);
  assert.ok(
    await other.verify({ signatureOnly: true, publicKey: new x509.PublicKey(spki as Uint8Array<ArrayBuffer>) }),
  );
});

test('a leaf that @peculiar/x509 writes is read by us', async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
  const other = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '0a0b',
    name: 'CN=a\\, b,O=x',
    notBefore: new Date('2040-01-01'),
    notAfter: new Date('2060-01-01'),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-384' },
    extensions: [
      new x509.BasicConstraintsExtension(true, 3, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '10.1.2.3' },
        { type: 'ip', value: '2001:db8::1' },
        { type: 'email', value: 'a@b.example' },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const parsed = parseCertificate(new Uint8Array(other.rawData));
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
  const { value } = parsed;
  assert.equal(value.serial, 'a0b');
  assert.equal(value.notAfterMs, Date.UTC(2060, 0, 1));
  assert.deepEqual(
    [value.isCa, value.pathLength, value.keyUsage?.certSign, value.keyUsage?.digitalSignature],
    [true, 3, true, false],
  );
  assert.deepEqual(value.names, {
    uris: [],
    dns: [],
    emails: ['a@b.example'],
    ips: ['10.1.2.3', '2001:db8:0:0:0:0:0:1'],
  });
  assert.deepEqual([value.publicKey.curve, value.publicKey.bits], [OID.p384, 384]);
  assert.equal(value.subjectText, 'O=x,CN=a\\, b');
});

test('a request of either side is read by the other', async () => {
  const ours = new x509.Pkcs10CertificateRequest(
    writeCertificateRequest({ subject: writeName(''), spki, uris: [ID] }, signer) as Uint8Array<ArrayBuffer>,
  );
  assert.ok(await ours.verify());
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const theirs = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'O=',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: ID }])],
  });
  const parsed = parseCertificateRequest(new Uint8Array(theirs.rawData));
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
  assert.deepEqual(parsed.value.names.uris, [ID]);
});

test('a revocation list we write is read by @peculiar/x509 and by us', () => {
  const der = writeRevocationList(
    {
      issuer: writeName('cluster.local'),
      authorityKeyId: keyId,
      thisUpdateMs: 1_750_000_000_000,
      nextUpdateMs: 1_750_086_400_000,
      number: 7,
      revoked: [{ serial: 'ff01', atMs: 1_749_000_000_000 }],
    },
    signer,
  );
  const other = new x509.X509Crl(der as Uint8Array<ArrayBuffer>);
  assert.deepEqual(
    other.entries.map((entry) => entry.serialNumber),
    ['ff01'],
  );
  const ours = parseRevocationList(der);
  assert.ok(ours.ok, ours.ok ? '' : ours.error.message);
  assert.deepEqual([...ours.value.revoked], ['ff01']);
  assert.equal(ours.value.nextUpdateMs, 1_750_086_400_000);
});

test('changed, cut and arbitrary bytes never throw, and are never read as another valid length', () => {
  const der = Buffer.from(writeCertificate(FIELDS, signer));
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(der);
      changed[at] = value;
      parseCertificate(changed);
      parseCertificateRequest(changed);
      parseRevocationList(changed);
    }),
    { numRuns: 3000 },
  );
  for (let length = 0; length < der.length; length++) assert.equal(parseCertificate(der.subarray(0, length)).ok, false);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assert.equal(parseCertificate(bytes).ok, false)));
});

test('the same extension twice, and a version 1 certificate, are refused', () => {
  const der = Buffer.from(writeCertificate(FIELDS, signer));
  const ku = der.indexOf(Buffer.from(oid(OID.keyUsage)));
  const twice = Buffer.from(der);
  // 2.5.29.15 becomes 2.5.29.19, which is there already.
  twice[ku + 4] = 19;
  const parsed = parseCertificate(twice);
  assert.equal(parsed.ok ? '' : parsed.error.code, 'certificate_duplicate_extension');
  const old = Buffer.from(der);
  old[old.indexOf(Buffer.from('a003020102', 'hex')) + 4] = 0;
  const version = parseCertificate(old);
  assert.equal(version.ok ? '' : version.error.code, 'certificate_version');
});

test('PEM: several blocks, notes between them, CRLF; a broken block is an error', () => {
  const one = formatPem('CERTIFICATE', Uint8Array.of(1, 2, 3));
  const two = formatPem('X509 CRL', Uint8Array.of(4));
  const parsed = parsePem(`subject=O = x\n${one}\n# note\n${two.replaceAll('\n', '\r\n')}`);
  assert.ok(parsed.ok);
  assert.deepEqual(
    parsed.value.map((block) => [block.label, [...block.der]]),
    [
      ['CERTIFICATE', [1, 2, 3]],
      ['X509 CRL', [4]],
    ],
  );
  for (const text of [
    one.slice(0, -30),
    one.replace('AQ', 'A!'),
    one.replace('END CERTIFICATE', 'END X509 CRL'),
    `-----END CERTIFICATE-----\n`,
  ]) {
    assert.equal(parsePem(text).ok, false, text);
  }
  const none = pemBlocks(two, 'CERTIFICATE');
  assert.equal(none.ok ? '' : none.error.code, 'pem_missing');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const back = pemBlocks(formatPem('X', bytes), 'X');
      assert.ok(back.ok && Buffer.compare(back.value[0] as Uint8Array, bytes) === 0);
    }),
  );
});

const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
test('the roots of the system are read', { skip: existsSync(SYSTEM_BUNDLE) ? false : 'no system bundle here' }, () => {
  const blocks = pemBlocks(readFileSync(SYSTEM_BUNDLE, 'utf8'), 'CERTIFICATE');
  assert.ok(blocks.ok);
  const refused = blocks.value.map((der) => parseCertificate(der)).filter((parsed) => !parsed.ok);
  assert.deepEqual(refused, []);
});
