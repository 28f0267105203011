// Writes certificates, certificate requests and revocation lists (RFC 5280, RFC 2986); the caller signs the bytes.

import { contextTag, TAG } from './der.ts';
import {
  bitString,
  boolean,
  integer,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
  tlv,
  utf8String,
} from './der-writer.ts';
import { OID } from './oids.ts';

export interface CertificateFields {
  /** Big-endian; positive. */
  readonly serial: Uint8Array;
  /** DER names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly spki: Uint8Array;
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  /** Undefined for leaves. `pathLength` undefined = no limit. */
  readonly ca: { readonly pathLength: number | undefined } | undefined;
  readonly extendedKeyUsage: readonly string[];
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  /** RSA keys may also be used for key encipherment (TLS 1.2). */
  readonly keyEncipherment: boolean;
}

/** Signs `bytes` under the algorithm whose DER identifier is given beside it. */
export interface Signer {
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

export function writeCertificate(fields: CertificateFields, signer: Signer): Uint8Array {
  const tbs = sequence(
    tlv(contextTag(0, true), smallInteger(2)),
    integer(fields.serial),
    signer.algorithm,
    fields.issuer,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    fields.subject,
    fields.spki,
    tlv(contextTag(3, true), sequence(...certificateExtensions(fields))),
  );
  return signed(tbs, signer);
}

export interface RequestFields {
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly uris: readonly string[];
}

export function writeCertificateRequest(fields: RequestFields, signer: Signer): Uint8Array {
  const names = extension(OID.subjectAltName, false, generalNames(fields.uris, []));
  const attributes =
    fields.uris.length === 0 ? [] : [sequence(oid(OID.extensionRequest), tlv(TAG.set, sequence(names)))];
  const info = sequence(smallInteger(0), fields.subject, fields.spki, tlv(contextTag(0, true), ...attributes));
  return signed(info, signer);
}

export interface RevocationFields {
  readonly issuer: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly number: number;
  /** Serials as lower-case hex. */
  readonly revoked: readonly { readonly serial: string; readonly atMs: number }[];
}

export function writeRevocationList(fields: RevocationFields, signer: Signer): Uint8Array {
  const entries = fields.revoked.map(({ serial, atMs }) => sequence(integer(hexBytes(serial)), time(atMs)));
  const tbs = sequence(
    smallInteger(1),
    signer.algorithm,
    fields.issuer,
    time(fields.thisUpdateMs),
    time(fields.nextUpdateMs),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tlv(
      contextTag(0, true),
      sequence(
        extension(OID.authorityKeyIdentifier, false, sequence(tlv(contextTag(0, false), fields.authorityKeyId))),
        extension(OID.crlNumber, false, smallInteger(fields.number)),
      ),
    ),
  );
  return signed(tbs, signer);
}

/** A name of organisation and, when given, common name. Both '' = the empty name. */
export function writeName(organization: string, commonName = ''): Uint8Array {
  const part = (type: string, text: string): Uint8Array => tlv(TAG.set, sequence(oid(type), utf8String(text)));
  return sequence(
    ...(organization === '' ? [] : [part(OID.organization, organization)]),
    ...(commonName === '' ? [] : [part(OID.commonName, commonName)]),
  );
}

function certificateExtensions(fields: CertificateFields): Uint8Array[] {
  const { ca } = fields;
  const constraints =
    ca === undefined
      ? sequence()
      : sequence(boolean(true), ...(ca.pathLength === undefined ? [] : [smallInteger(ca.pathLength)]));
  const found = [
    extension(OID.keyUsage, true, keyUsage(ca !== undefined, fields.keyEncipherment)),
    extension(OID.basicConstraints, true, constraints),
    extension(OID.subjectKeyIdentifier, false, octetString(fields.subjectKeyId)),
    extension(OID.authorityKeyIdentifier, false, sequence(tlv(contextTag(0, false), fields.authorityKeyId))),
  ];
  if (fields.extendedKeyUsage.length > 0)
    found.push(extension(OID.extendedKeyUsage, false, sequence(...fields.extendedKeyUsage.map(oid))));
  if (fields.uris.length + fields.dns.length > 0) {
    // Critical when the subject is empty (RFC 5280 §4.2.1.6), as Istio's leaves are.
    const critical = fields.subject.length === 2;
    found.push(extension(OID.subjectAltName, critical, generalNames(fields.uris, fields.dns)));
  }
  return found;
}

function keyUsage(ca: boolean, keyEncipherment: boolean): Uint8Array {
  // Bit 0 digitalSignature, 2 keyEncipherment, 5 keyCertSign, 6 cRLSign.
  if (ca) return bitString(Uint8Array.of(0x06), 1);
  return keyEncipherment ? bitString(Uint8Array.of(0xa0), 5) : bitString(Uint8Array.of(0x80), 7);
}

function generalNames(uris: readonly string[], dns: readonly string[]): Uint8Array {
  return sequence(
    ...uris.map((uri) => tlv(contextTag(6, false), Buffer.from(uri, 'latin1'))),
    ...dns.map((name) => tlv(contextTag(2, false), Buffer.from(name, 'latin1'))),
  );
}

function extension(type: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value));
}

function signed(body: Uint8Array, signer: Signer): Uint8Array {
  return sequence(body, signer.algorithm, bitString(signer.sign(body)));
}

function hexBytes(hex: string): Uint8Array {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}
