// Certificates named by their SHA-256, or by that of their public key (Envoy's verify_certificate_hash and verify_certificate_spki).

import { hash } from 'node:crypto';
import { isCertificateHash, isKeyHash } from '#base';
import type { Certificate } from '#wire/tls';

export interface CertificatePins {
  /** Lower-case hexadecimal of the whole certificate's. */
  readonly hashes: ReadonlySet<string>;
  /** Base64 of the public key's. */
  readonly keys: ReadonlySet<string>;
}

/** Undefined when nothing is named; the text that is no hash when there is one. */
export function certificatePins(
  hashes: readonly string[],
  keys: readonly string[],
): CertificatePins | undefined | { readonly wrong: string } {
  const wrong = hashes.find((text) => !isCertificateHash(text)) ?? keys.find((text) => !isKeyHash(text));
  if (wrong !== undefined) return { wrong };
  if (hashes.length + keys.length === 0) return undefined;
  return { hashes: new Set(hashes.map((text) => text.replaceAll(':', '').toLowerCase())), keys: new Set(keys) };
}

/** One match in either list is enough. */
export function isPinned({ hashes, keys }: CertificatePins, { der, publicKey }: Certificate): boolean {
  return (
    (hashes.size > 0 && hashes.has(hash('sha256', der, 'hex'))) ||
    (keys.size > 0 && keys.has(hash('sha256', publicKey.spki, 'base64')))
  );
}

export function pinsKey(pins: CertificatePins | undefined): string {
  return pins === undefined ? '' : [...pins.hashes, ...pins.keys].join();
}
