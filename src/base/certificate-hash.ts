// The two forms in which configuration names a certificate by SHA-256 (Envoy's verify_certificate_hash and verify_certificate_spki).

const HASH = /^(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/i;
/** 32 bytes. */
const KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Of the whole certificate, hexadecimal, with or without colons. */
export function isCertificateHash(text: string): boolean {
  return HASH.test(text);
}

/** Of its public key, base64. */
export function isKeyHash(text: string): boolean {
  return KEY.test(text);
}
