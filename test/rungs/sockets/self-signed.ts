// Test helper: a self-signed certificate per name and version, made once with the openssl command.
import { execFileSync } from 'node:child_process';
import type { TlsContext } from '#base';

const made = new Map<string, TlsContext>();

export function selfSigned(name: string, version = 'v1'): TlsContext {
  const key = `${name}/${version}`;
  let context = made.get(key);
  if (context === undefined) made.set(key, (context = make(name, key)));
  return context;
}

function make(name: string, version: string): TlsContext {
  const pem = execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      '-',
      '-addext',
      `subjectAltName=DNS:localhost,URI:spiffe://cluster.local/ns/default/sa/${name}`,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const block = (kind: string): string =>
    new RegExp(`-----BEGIN ${kind}-----[^]*-----END ${kind}-----\n`).exec(pem)?.[0] as string;
  return {
    certChainPem: block('CERTIFICATE'),
    privateKeyPem: block('PRIVATE KEY'),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    version,
  };
}
