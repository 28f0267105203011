// Checks one signature with node:crypto, under algorithms and key sizes that are not weak.

import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { PublicKeyInfo } from '#wire/tls';
import { OID } from '#wire/tls';
import { RSA_BITS_MAX, RSA_BITS_MIN } from './limits.ts';

/** What each algorithm identifier stands for; SHA-1 and MD5 are left out on purpose, RSA-PSS because its parameters vary. */
const ALGORITHMS: Readonly<Record<string, { readonly hash: string | null; readonly key: string }>> = {
  [OID.ecdsaSha256]: { hash: 'sha256', key: OID.ecPublicKey },
  [OID.ecdsaSha384]: { hash: 'sha384', key: OID.ecPublicKey },
  [OID.ecdsaSha512]: { hash: 'sha512', key: OID.ecPublicKey },
  [OID.rsaSha256]: { hash: 'sha256', key: OID.rsaEncryption },
  [OID.rsaSha384]: { hash: 'sha384', key: OID.rsaEncryption },
  [OID.rsaSha512]: { hash: 'sha512', key: OID.rsaEncryption },
  [OID.ed25519]: { hash: null, key: OID.ed25519 },
};

export function isWeakKey(key: PublicKeyInfo): boolean {
  if (key.algorithm === OID.ecPublicKey || key.algorithm === OID.ed25519) return key.bits < 256;
  if (key.algorithm === OID.rsaEncryption) return key.bits < RSA_BITS_MIN || key.bits > RSA_BITS_MAX;
  return true;
}

export function isWeakSignature(algorithm: string): boolean {
  return ALGORITHMS[algorithm] === undefined;
}

/** False also when key and algorithm do not fit each other or the key cannot be read. */
export function verifySignature(
  signed: { readonly bytes: Uint8Array; readonly signature: Uint8Array; readonly algorithm: string },
  key: PublicKeyInfo,
): boolean {
  const algorithm = ALGORITHMS[signed.algorithm];
  if (algorithm === undefined || algorithm.key !== key.algorithm || isWeakKey(key)) return false;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL refuses points off the curve and the like.
    return false;
  }
  return verify(algorithm.hash, signed.bytes, publicKey, signed.signature);
}
