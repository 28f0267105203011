// Reads an authority from Istio's `cacerts` files, in either of their two naming forms.

import type { Fs, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import type { SigningAuthority } from './signing-authority.ts';
import { readAuthority } from './signing-authority.ts';

export interface PluggedAuthority {
  readonly authority: SigningAuthority;
  readonly crlPem: string;
}

const ISTIO = { cert: 'ca-cert.pem', key: 'ca-key.pem', root: 'root-cert.pem', chain: 'cert-chain.pem' };
const KUBERNETES_TLS = { cert: 'tls.crt', key: 'tls.key', root: 'ca.crt', chain: 'tls.crt' };

/** Undefined when none of the files is there. */
export async function readPluggedAuthority(
  fs: Fs,
  folder: string,
  nowMs: number,
): Promise<Result<PluggedAuthority | undefined, IdentityError>> {
  for (const names of [ISTIO, KUBERNETES_TLS]) {
    const read = (name: string): Promise<string | undefined> => fs.readText(`${folder}/${name}`);
    const [certPem, keyPem, rootsPem, chainPem, crlPem] = await Promise.all([
      read(names.cert),
      read(names.key),
      read(names.root),
      read(names.chain),
      read('ca-crl.pem'),
    ]);
    if (certPem === undefined && keyPem === undefined && rootsPem === undefined) continue;
    if (certPem === undefined || keyPem === undefined || rootsPem === undefined) {
      return err(
        new IdentityError('authority_files_incomplete', `${folder} (${names.cert}, ${names.key}, ${names.root})`),
      );
    }
    const authority = readAuthority({ certPem, keyPem, rootsPem, chainPem: chainPem ?? '' }, nowMs);
    if (!authority.ok) return authority;
    return ok({ authority: authority.value, crlPem: crlPem ?? '' });
  }
  return ok(undefined);
}
