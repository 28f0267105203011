// Another authority that signs a workload's certificates and speaks Istio's CSR service (cert-manager's istio-csr), by
// Istio's own environment variables.
import { readFileSync } from 'node:fs';
import { makePeerCheck } from '#identity';
import type { Clock, Random } from '#base';
import { grpcDialer, gunzip } from '#io';
import { GrpcChannel } from '#wire/grpc';

export interface ExternalCa {
  readonly host: string;
  readonly port: number;
  /** What its serving certificate is checked against; undefined = what the mesh trusts. */
  readonly rootsPem: string | undefined;
}

/** CA_ADDR, and CA_ROOT_CA for a file of roots. Throws with a sentence that names what is wrong. */
export function externalCa(env: Readonly<Record<string, string | undefined>>): ExternalCa | undefined {
  const text = env['CA_ADDR'] ?? '';
  if (text === '') return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`CA_ADDR is "${text}": write HOST:PORT of the authority.`);
  const file = env['CA_ROOT_CA'] ?? '';
  let rootsPem: string | undefined;
  try {
    rootsPem = file === '' ? undefined : readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`CA_ROOT_CA names ${file}, which cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]), rootsPem };
}

/** TLS with a token, no client certificate: the authority decides who asks by that. */
export function caChannel(
  ca: ExternalCa,
  meshRoots: () => string,
  parts: { readonly clock: Clock; readonly random: Random; readonly version: string },
): GrpcChannel {
  const { clock, random, version } = parts;
  return new GrpcChannel({
    clock,
    random,
    gunzip,
    userAgent: `topsail/${version}`,
    dialer: grpcDialer({
      host: ca.host,
      port: ca.port,
      authority: ca.host,
      tls: () => {
        const roots = ca.rootsPem ?? meshRoots();
        return {
          context: { rootsPem: roots, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', version: `ca ${roots}` },
          alpn: ['h2'],
          sni: ca.host,
          checkKey: ca.host,
          check: makePeerCheck({
            roots,
            crl: '',
            sanMatchers: [{ san: 'dns', how: { kind: 'exact', value: ca.host } }],
            trustDomains: undefined,
            required: true,
            peerIs: 'server',
            clock,
          }),
        };
      },
    }),
  });
}
