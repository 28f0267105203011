// Parses an X.509 v3 certificate from DER into what path validation needs (RFC 5280 §4.1), signatures left to the caller.

import type { Result } from '#base';
import { err, ok } from '#base';
import type { Der } from './der.ts';
import {
  children,
  contextTag,
  expectTag,
  integerBytes,
  onlyChild,
  rawBytes,
  readBitString,
  readDer,
  readOid,
  readSmallInteger,
  readTime,
  TAG,
} from './der.ts';
import { TlsBytesError } from './errors.ts';
import type { Extensions } from './extensions.ts';
import { NO_EXTENSIONS, readExtensions } from './extensions.ts';
import { CERTIFICATE_BYTES_MAX } from './limits.ts';
import { formatName } from './name.ts';
import { OID } from './oids.ts';

export interface Certificate extends Extensions {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
  /** Lower-case hex without leading zeros. */
  readonly serial: string;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** RFC 4514 text of `subject`, for logs; never for decisions. */
  readonly subjectText: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: PublicKeyInfo;
}

export interface PublicKeyInfo {
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly algorithm: string;
  /** Named curve of an EC key, else ''. */
  readonly curve: string;
  /** Bits of an RSA modulus or of an EC field; 0 = unknown. */
  readonly bits: number;
}

/** Strict: what openssl would accept in a looser form is refused. */
export function parseCertificate(der: Uint8Array): Result<Certificate, TlsBytesError> {
  if (der.length > CERTIFICATE_BYTES_MAX) return err(new TlsBytesError('der_too_large', 'certificate'));
  try {
    return ok(readCertificate(der));
  } catch (error) {
    if (error instanceof TlsBytesError) return err(error);
    throw error;
  }
}

function readCertificate(der: Uint8Array): Certificate {
  const [tbs, outerAlgorithm, signature] = signedParts(readDer(der));
  const parts = children(tbs);
  let at = 0;
  const next = (): Der => {
    const part = parts[at++];
    if (part === undefined) throw new TlsBytesError('der_truncated', 'tbsCertificate');
    return part;
  };
  const version = next();
  if (version.tag !== contextTag(0, true) || readSmallInteger(onlyChild(version, 'version'), 'version') !== 2) {
    throw new TlsBytesError('certificate_version');
  }
  const serial = readSerial(next());
  const innerAlgorithm = next();
  if (Buffer.compare(rawBytes(innerAlgorithm), rawBytes(outerAlgorithm)) !== 0)
    throw new TlsBytesError('certificate_algorithm_mismatch');
  const issuer = rawBytes(expectTag(next(), TAG.sequence, 'issuer'));
  const validity = children(expectTag(next(), TAG.sequence, 'validity'));
  if (validity.length !== 2) throw new TlsBytesError('der_bad_time', 'validity');
  const subject = expectTag(next(), TAG.sequence, 'subject');
  const publicKey = readPublicKey(next());
  let extensions = NO_EXTENSIONS;
  for (; at < parts.length; at++) {
    const part = parts[at] as Der;
    if (part.tag === contextTag(3, true) && at === parts.length - 1)
      extensions = readExtensions(onlyChild(part, 'extensions'));
    // [1] and [2] are the unique identifiers, which RFC 5280 §4.1.2.8 lets applications pass over.
    else if (part.tag !== contextTag(1, false) && part.tag !== contextTag(2, false))
      throw new TlsBytesError('der_unexpected_tag', 'tbsCertificate');
  }
  return {
    ...extensions,
    der,
    tbs: rawBytes(tbs),
    signature: wholeBytes(signature, 'signature'),
    signatureAlgorithm: algorithmOid(outerAlgorithm),
    serial,
    issuer,
    subject: rawBytes(subject),
    subjectText: formatName(subject),
    notBeforeMs: readTime(validity[0] as Der, 'notBefore'),
    notAfterMs: readTime(validity[1] as Der, 'notAfter'),
    publicKey,
  };
}

/** The three parts that certificates, requests and revocation lists share: body, algorithm, signature. */
export function signedParts(outer: Der): [Der, Der, Der] {
  expectTag(outer, TAG.sequence, 'signed structure');
  const parts = children(outer);
  if (parts.length !== 3) throw new TlsBytesError('der_unexpected_tag', 'signed structure');
  return [
    expectTag(parts[0], TAG.sequence, 'body'),
    expectTag(parts[1], TAG.sequence, 'signatureAlgorithm'),
    parts[2] as Der,
  ];
}

export function algorithmOid(algorithm: Der): string {
  return readOid(expectTag(children(algorithm)[0], TAG.oid, 'algorithm'), 'algorithm');
}

/** A bit string that is whole bytes. */
export function wholeBytes(element: Der, where: string): Uint8Array {
  const { bits, unused } = readBitString(element, where);
  if (unused !== 0) throw new TlsBytesError('der_not_canonical', where);
  return bits;
}

export function readSerial(element: Der): string {
  const bytes = integerBytes(element, 'serial');
  const first = bytes[0] as number;
  const negative = first >= 0x80;
  // Zero is not allowed either, yet public roots that are in every bundle have it.
  if (negative || bytes.length > 20 + (first === 0 ? 1 : 0)) throw new TlsBytesError('certificate_bad_serial');
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^0+(?=.)/, '');
}

export function readPublicKey(element: Der): PublicKeyInfo {
  expectTag(element, TAG.sequence, 'subjectPublicKeyInfo');
  const [algorithm, key] = children(element);
  const parts = children(expectTag(algorithm, TAG.sequence, 'subjectPublicKeyInfo'));
  const oid = readOid(expectTag(parts[0], TAG.oid, 'subjectPublicKeyInfo'), 'subjectPublicKeyInfo');
  const bits = wholeBytes(expectTag(key, TAG.bitString, 'subjectPublicKeyInfo'), 'subjectPublicKeyInfo');
  const spki = rawBytes(element);
  if (oid === OID.ecPublicKey) {
    const curve = readOid(expectTag(parts[1], TAG.oid, 'named curve'), 'named curve');
    return { spki, algorithm: oid, curve, bits: CURVE_BITS[curve] ?? 0 };
  }
  if (oid === OID.rsaEncryption || oid === OID.rsaPss) {
    const modulus = integerBytes(expectTag(children(readDer(bits))[0], TAG.integer, 'modulus'), 'modulus');
    const leading = modulus[0] === 0 ? modulus.subarray(1) : modulus;
    return { spki, algorithm: oid, curve: '', bits: leading.length * 8 - Math.clz32((leading[0] ?? 0) << 24) };
  }
  return { spki, algorithm: oid, curve: '', bits: oid === OID.ed25519 ? 256 : 0 };
}

const CURVE_BITS: Readonly<Record<string, number>> = { [OID.p256]: 256, [OID.p384]: 384, [OID.p521]: 521 };
