// A root and one workload certificate for a benchmark: ECDSA P-256 with a SPIFFE id, made anew for every run.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, privateKeyPem } from '#identity';
import { formatPem, OID, writeCertificate, writeName } from '#wire/tls';

/** Writes ca.pem, cert.pem (leaf), key.pem, and both.pem (leaf and key, as HAProxy wants them). */
export function writeCertificates(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const now = Date.now();
  const life = { notBeforeMs: now - 3_600_000, notAfterMs: now + 86_400_000, dns: [], keyEncipherment: false };
  const rootKey = generateKeyPair();
  const rootName = writeName('bench');
  const root = writeCertificate(
    {
      ...life,
      serial: Uint8Array.of(1),
      issuer: rootName,
      subject: rootName,
      spki: rootKey.spki,
      subjectKeyId: rootKey.keyId,
      authorityKeyId: rootKey.keyId,
      ca: { pathLength: undefined },
      extendedKeyUsage: [],
      uris: [],
    },
    rootKey,
  );
  const key = generateKeyPair();
  const leaf = writeCertificate(
    {
      ...life,
      serial: Uint8Array.of(2),
      issuer: rootName,
      subject: writeName(''),
      spki: key.spki,
      subjectKeyId: key.keyId,
      authorityKeyId: rootKey.keyId,
      ca: undefined,
      extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
      uris: ['spiffe://cluster.local/ns/default/sa/bench'],
    },
    rootKey,
  );
  const certPem = formatPem('CERTIFICATE', leaf);
  const keyPem = privateKeyPem(key);
  writeFileSync(join(folder, 'ca.pem'), formatPem('CERTIFICATE', root));
  writeFileSync(join(folder, 'cert.pem'), certPem);
  writeFileSync(join(folder, 'key.pem'), keyPem, { mode: 0o600 });
  writeFileSync(join(folder, 'both.pem'), certPem + keyPem, { mode: 0o600 });
}
