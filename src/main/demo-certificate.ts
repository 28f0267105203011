// A self-signed certificate for the demo's HTTPS port, as the Secret that its Gateway names. Made on the first start, kept.
import { randomBytes } from 'node:crypto';
import { generateKeyPair, privateKeyPem } from '#identity';
import { formatPem, OID, writeCertificate, writeName } from '#wire/tls';

const DAY_MS = 86_400_000;
/** Browsers refuse longer ones. */
const LIFE_MS = 397 * DAY_MS;

export function demoCertificateSecret(name: string, namespace: string, dns: readonly string[], nowMs: number): string {
  const key = generateKeyPair();
  const serial = randomBytes(16);
  // Positive, and of full length.
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  const subject = writeName('Topsail demo', dns[0] ?? 'localhost');
  const der = writeCertificate(
    {
      serial,
      subject,
      issuer: subject,
      notBeforeMs: nowMs - DAY_MS,
      notAfterMs: nowMs + LIFE_MS,
      spki: key.spki,
      subjectKeyId: key.keyId,
      authorityKeyId: key.keyId,
      ca: undefined,
      extendedKeyUsage: [OID.serverAuth],
      uris: [],
      dns,
      keyEncipherment: false,
    },
    key,
  );
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    `  name: ${name}`,
    `  namespace: ${namespace}`,
    'type: kubernetes.io/tls',
    'data:',
    `  tls.crt: ${base64(formatPem('CERTIFICATE', der))}`,
    `  tls.key: ${base64(privateKeyPem(key))}`,
    '',
  ].join('\n');
}
