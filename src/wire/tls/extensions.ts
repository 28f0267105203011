// Reads the X.509 extensions that path validation decides on (RFC 5280 §4.2), and notes critical ones it does not know.

import type { Der } from './der.ts';
import {
  children,
  contextTag,
  expectTag,
  onlyChild,
  readBitString,
  readBoolean,
  readOid,
  readSmallInteger,
  TAG,
  valueBytes,
} from './der.ts';
import { TlsBytesError } from './errors.ts';
import type { SubjectAltNames } from './general-names.ts';
import { NO_NAMES, readSubjectAltNames } from './general-names.ts';
import { OID } from './oids.ts';

export interface Extensions {
  readonly names: SubjectAltNames;
  readonly isCa: boolean;
  /** Undefined = no limit. */
  readonly pathLength: number | undefined;
  /** Undefined = the extension is absent and every use is allowed. */
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers; undefined = absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
  /** Critical extensions that nobody here understands: such a certificate is refused. */
  readonly unknownCritical: readonly string[];
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyEncipherment: boolean;
  readonly certSign: boolean;
  readonly crlSign: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const NO_EXTENSIONS: Extensions = {
  names: NO_NAMES,
  isCa: false,
  pathLength: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectKeyId: undefined,
  authorityKeyId: undefined,
  unknownCritical: [],
};

export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** The element inside the octet string. */
  readonly value: Der;
}

/** `sequence` is the Extensions sequence of a certificate, a CSR or a list. */
export function readRawExtensions(sequence: Der): RawExtension[] {
  expectTag(sequence, TAG.sequence, 'extensions');
  const found: RawExtension[] = [];
  const seen = new Set<string>();
  for (const extension of children(sequence)) {
    expectTag(extension, TAG.sequence, 'extension');
    const parts = children(extension);
    const oid = readOid(expectTag(parts[0], TAG.oid, 'extension'), 'extension');
    if (seen.has(oid)) throw new TlsBytesError('certificate_duplicate_extension', oid);
    seen.add(oid);
    const critical = parts.length === 3 && readBoolean(parts[1] as Der, 'critical');
    if (parts.length < 2 || parts.length > 3 || (parts.length === 3 && !critical))
      throw new TlsBytesError('der_not_canonical', 'extension');
    const octets = expectTag(parts[parts.length - 1], TAG.octetString, oid);
    found.push({ oid, critical, value: onlyChild(octets, oid) });
  }
  return found;
}

export function readExtensions(sequence: Der): Extensions {
  const found: Mutable<Extensions> = { ...NO_EXTENSIONS };
  const unknownCritical: string[] = [];
  for (const extension of readRawExtensions(sequence)) {
    if (!apply(found, extension) && extension.critical) unknownCritical.push(extension.oid);
  }
  return { ...found, unknownCritical };
}

function apply(found: Mutable<Extensions>, { oid, value }: RawExtension): boolean {
  switch (oid) {
    case OID.subjectAltName:
      found.names = readSubjectAltNames(value);
      return true;
    case OID.basicConstraints:
      readBasicConstraints(found, value);
      return true;
    case OID.keyUsage:
      found.keyUsage = readKeyUsage(value);
      return true;
    case OID.extendedKeyUsage:
      expectTag(value, TAG.sequence, 'extKeyUsage');
      found.extendedKeyUsage = children(value).map((use) => readOid(use, 'extKeyUsage'));
      return true;
    case OID.subjectKeyIdentifier:
      found.subjectKeyId = valueBytes(expectTag(value, TAG.octetString, 'subjectKeyIdentifier'));
      return true;
    case OID.authorityKeyIdentifier: {
      expectTag(value, TAG.sequence, 'authorityKeyIdentifier');
      const id = children(value).find((part) => part.tag === contextTag(0, false));
      if (id !== undefined) found.authorityKeyId = valueBytes(id);
      return true;
    }
    default:
      return false;
  }
}

function readBasicConstraints(found: Mutable<Extensions>, value: Der): void {
  expectTag(value, TAG.sequence, 'basicConstraints');
  const parts = children(value);
  const first = parts[0];
  if (first?.tag === TAG.boolean) {
    found.isCa = readBoolean(first, 'basicConstraints');
    parts.shift();
  }
  const length = parts.shift();
  if (length !== undefined) found.pathLength = readSmallInteger(length, 'pathLenConstraint');
  if (parts.length > 0) throw new TlsBytesError('der_trailing', 'basicConstraints');
}

function readKeyUsage(value: Der): KeyUsage {
  const { bits } = readBitString(value, 'keyUsage');
  const first = bits[0] ?? 0;
  return {
    digitalSignature: (first & 0x80) !== 0,
    keyEncipherment: (first & 0x20) !== 0,
    certSign: (first & 0x04) !== 0,
    crlSign: (first & 0x02) !== 0,
  };
}
