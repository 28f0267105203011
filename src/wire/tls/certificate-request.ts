// Parses a PKCS #10 certificate signing request (RFC 2986); proof of possession is the caller's to check.

import type { Result } from '#base';
import { err, ok } from '#base';
import { algorithmOid, readPublicKey, signedParts, wholeBytes } from './certificate.ts';
import type { PublicKeyInfo } from './certificate.ts';
import type { Der } from './der.ts';
import { children, contextTag, expectTag, rawBytes, readDer, readOid, readSmallInteger, TAG } from './der.ts';
import { TlsBytesError } from './errors.ts';
import { readExtensions } from './extensions.ts';
import { NO_NAMES } from './general-names.ts';
import type { SubjectAltNames } from './general-names.ts';
import { CERTIFICATE_BYTES_MAX } from './limits.ts';
import { formatName } from './name.ts';
import { OID } from './oids.ts';

export interface CertificateRequest {
  readonly info: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly publicKey: PublicKeyInfo;
  readonly subjectText: string;
  /** What the requester would like to be called; a mesh's authority never grants it. */
  readonly names: SubjectAltNames;
}

export function parseCertificateRequest(der: Uint8Array): Result<CertificateRequest, TlsBytesError> {
  if (der.length > CERTIFICATE_BYTES_MAX) return err(new TlsBytesError('der_too_large', 'certificate request'));
  try {
    return ok(readRequest(der));
  } catch (error) {
    if (error instanceof TlsBytesError) return err(error);
    throw error;
  }
}

function readRequest(der: Uint8Array): CertificateRequest {
  const [info, algorithm, signature] = signedParts(readDer(der));
  const parts = children(info);
  const [version, subject, key, attributes] = parts;
  if (version === undefined || key === undefined || parts.length > 4)
    throw new TlsBytesError('der_unexpected_tag', 'certificate request');
  if (readSmallInteger(version, 'version') !== 0) throw new TlsBytesError('der_unexpected_tag', 'version');
  return {
    info: rawBytes(info),
    signature: wholeBytes(signature, 'signature'),
    signatureAlgorithm: algorithmOid(algorithm),
    publicKey: readPublicKey(key),
    subjectText: formatName(expectTag(subject, TAG.sequence, 'subject')),
    names: attributes === undefined ? NO_NAMES : readRequestedNames(attributes),
  };
}

function readRequestedNames(attributes: Der): SubjectAltNames {
  expectTag(attributes, contextTag(0, true), 'attributes');
  let names = NO_NAMES;
  for (const attribute of children(attributes)) {
    const [type, values] = children(expectTag(attribute, TAG.sequence, 'attribute'));
    if (readOid(expectTag(type, TAG.oid, 'attribute'), 'attribute') !== OID.extensionRequest) continue;
    const [extensions] = children(expectTag(values, TAG.set, 'attribute'));
    names = readExtensions(expectTag(extensions, TAG.sequence, 'extensionRequest')).names;
  }
  return names;
}
