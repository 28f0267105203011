// Test helper: a self-signed certificate per name and version, made once.
import * as x509 from '@peculiar/x509';
import type { TlsContext } from '#base';

const made = new Map<string, Promise<TlsContext>>();

export function selfSigned(name: string, version = 'v1'): Promise<TlsContext> {
  const key = `${name}/${version}`;
  let context = made.get(key);
  if (context === undefined) made.set(key, (context = make(name, key)));
  return context;
}

async function make(name: string, version: string): Promise<TlsContext> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 3_600_000),
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'url', value: `spiffe://cluster.local/ns/default/sa/${name}` },
        ]),
      ],
    },
    crypto as never,
  );
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certChainPem: certificate.toString('pem'),
    privateKeyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    version,
  };
}
