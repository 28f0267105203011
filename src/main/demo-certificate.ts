// A self-signed certificate for the demo's HTTPS port, as the Secret that its Gateway names. Made on the first start, kept.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { formatPem, OID, oid, sequence, writeCertificate, writeName } from '#wire/tls';

const DAY_MS = 86_400_000;
/** Browsers refuse longer ones. */
const LIFE_MS = 397 * DAY_MS;

export function demoCertificateSecret(name: string, namespace: string, dns: readonly string[], nowMs: number): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = createHash('sha1').update(spki).digest();
  const serial = randomBytes(16);
  // Positive, and of full length.
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  const subject = writeName('Topsail demo', dns[0] ?? 'localhost');
  const der = writeCertificate(
    {
      serial, subject, issuer: subject, notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + LIFE_MS, spki, subjectKeyId: keyId, authorityKeyId: keyId,
      ca: undefined, extendedKeyUsage: [OID.serverAuth], uris: [], dns, keyEncipherment: false,
    },
    { algorithm: sequence(oid(OID.ecdsaSha256)), sign: (bytes) => sign('sha256', bytes, privateKey) },
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
    `  tls.key: ${base64(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)}`,
    '',
  ].join('\n');
}
