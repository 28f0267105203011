// Parses an X.509 v2 certificate revocation list (RFC 5280 §5); signature and dates are the caller's to check.

import type { Result } from '#base';
import { err, ok } from '#base';
import { algorithmOid, readSerial, signedParts, wholeBytes } from './certificate.ts';
import type { Der } from './der.ts';
import {
  children,
  contextTag,
  expectTag,
  onlyChild,
  rawBytes,
  readDer,
  readSmallInteger,
  readTime,
  TAG,
  valueBytes,
} from './der.ts';
import { TlsBytesError } from './errors.ts';
import { readRawExtensions } from './extensions.ts';
import { REVOCATION_LIST_BYTES_MAX, REVOKED_SERIALS_MAX } from './limits.ts';
import { OID } from './oids.ts';

export interface RevocationList {
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly issuer: Uint8Array;
  readonly thisUpdateMs: number;
  /** Undefined = the issuer promised no date. */
  readonly nextUpdateMs: number | undefined;
  /** Serials as `Certificate.serial`. */
  readonly revoked: ReadonlySet<string>;
  readonly authorityKeyId: Uint8Array | undefined;
  /** Scoped, indirect or delta lists are among these: a list with any of them says less than it seems to. */
  readonly unknownCritical: readonly string[];
}

export function parseRevocationList(der: Uint8Array): Result<RevocationList, TlsBytesError> {
  if (der.length > REVOCATION_LIST_BYTES_MAX) return err(new TlsBytesError('der_too_large', 'revocation list'));
  try {
    return ok(readList(der));
  } catch (error) {
    if (error instanceof TlsBytesError) return err(error);
    throw error;
  }
}

function readList(der: Uint8Array): RevocationList {
  const [tbs, algorithm, signature] = signedParts(readDer(der));
  const parts = children(tbs);
  const hasVersion = parts[0]?.tag === TAG.integer;
  if (hasVersion && readSmallInteger(parts.shift() as Der, 'version') !== 1)
    throw new TlsBytesError('der_unexpected_tag', 'version');
  const inner = parts.shift();
  if (inner === undefined || Buffer.compare(rawBytes(inner), rawBytes(algorithm)) !== 0)
    throw new TlsBytesError('certificate_algorithm_mismatch');
  const issuer = rawBytes(expectTag(parts.shift(), TAG.sequence, 'issuer'));
  const thisUpdate = parts.shift();
  if (thisUpdate === undefined) throw new TlsBytesError('der_truncated', 'thisUpdate');
  const isTime = (part: Der | undefined): boolean => part?.tag === TAG.utcTime || part?.tag === TAG.generalizedTime;
  const nextUpdate = isTime(parts[0]) ? (parts.shift() as Der) : undefined;
  const revoked = parts[0]?.tag === TAG.sequence ? readRevoked(parts.shift() as Der) : new Set<string>();
  const extensions = parts[0]?.tag === contextTag(0, true) ? readListExtensions(parts.shift() as Der) : undefined;
  if (parts.length > 0) throw new TlsBytesError('der_trailing', 'revocation list');
  return {
    tbs: rawBytes(tbs),
    signature: wholeBytes(signature, 'signature'),
    signatureAlgorithm: algorithmOid(algorithm),
    issuer,
    thisUpdateMs: readTime(thisUpdate, 'thisUpdate'),
    nextUpdateMs: nextUpdate === undefined ? undefined : readTime(nextUpdate, 'nextUpdate'),
    revoked,
    authorityKeyId: extensions?.authorityKeyId,
    unknownCritical: extensions?.unknownCritical ?? [],
  };
}

function readRevoked(sequence: Der): Set<string> {
  const serials = new Set<string>();
  for (const entry of children(sequence, REVOKED_SERIALS_MAX)) {
    const [serial] = children(expectTag(entry, TAG.sequence, 'revokedCertificate'));
    serials.add(readSerial(expectTag(serial, TAG.integer, 'revokedCertificate')));
  }
  return serials;
}

function readListExtensions(wrapper: Der): { authorityKeyId: Uint8Array | undefined; unknownCritical: string[] } {
  let authorityKeyId: Uint8Array | undefined;
  const unknownCritical: string[] = [];
  for (const { oid, critical, value } of readRawExtensions(onlyChild(wrapper, 'crlExtensions'))) {
    if (oid === OID.authorityKeyIdentifier) {
      const id = children(expectTag(value, TAG.sequence, oid)).find((part) => part.tag === contextTag(0, false));
      if (id !== undefined) authorityKeyId = valueBytes(id);
    } else if (critical) unknownCritical.push(oid);
  }
  return { authorityKeyId, unknownCritical };
}
