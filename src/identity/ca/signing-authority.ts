// One certificate authority that can sign: its key, its chain up to a root, and the leaves it issues.

import { randomBytes } from 'node:crypto';
import type { Result } from '#base';
import { err, ok } from '#base';
import type { Certificate } from '#wire/tls';
import { formatPem, OID, parseCertificate, pemBlocks, writeCertificate, writeName } from '#wire/tls';
import { findPath, isValidAt } from '../certification-path.ts';
import { IdentityError } from '../errors.ts';
import type { KeyPair } from '../key-pair.ts';
import { generateKeyPair, keyIdOf, readKeyPair } from '../key-pair.ts';
import { BACKDATE_MS, ROOT_TTL_MS } from '../limits.ts';
import { parseTrustBundle, sameBytes } from '../trust-bundle.ts';

export interface SigningAuthority {
  readonly certificate: Certificate;
  readonly key: KeyPair;
  /** The authority's own certificate and those between it and the root, without the root; '' when it is the root. */
  readonly intermediatesPem: string;
  /** The root or roots that this authority's leaves lead to. */
  readonly rootsPem: string;
}

export interface LeafRequest {
  /** SubjectPublicKeyInfo of the requester. */
  readonly spki: Uint8Array;
  /** Exactly what goes into the certificate. */
  readonly uris: readonly string[];
  readonly dns?: readonly string[];
  readonly ttlMs: number;
  readonly keyEncipherment: boolean;
}

export interface Leaf {
  readonly pem: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The leaf never outlives its issuer. */
export function issueLeaf(authority: SigningAuthority, request: LeafRequest, nowMs: number): Leaf {
  const serial = newSerial();
  const notBeforeMs = nowMs - BACKDATE_MS;
  const notAfterMs = Math.min(nowMs + request.ttlMs, authority.certificate.notAfterMs);
  const der = writeCertificate(
    {
      serial,
      issuer: authority.certificate.subject,
      subject: writeName(''),
      notBeforeMs,
      notAfterMs,
      spki: request.spki,
      subjectKeyId: keyIdOf(request.spki),
      authorityKeyId: authority.certificate.subjectKeyId ?? authority.key.keyId,
      ca: undefined,
      extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
      uris: request.uris,
      dns: request.dns ?? [],
      keyEncipherment: request.keyEncipherment,
    },
    authority.key,
  );
  return { pem: formatPem('CERTIFICATE', der), serial: Buffer.from(serial).toString('hex'), notBeforeMs, notAfterMs };
}

/** A self-signed root. With `key`, the root is renewed: old leaves still lead to it. */
export function makeRoot(options: {
  readonly organization: string;
  readonly nowMs: number;
  readonly ttlMs?: number;
  readonly key?: KeyPair;
}): SigningAuthority {
  const key = options.key ?? generateKeyPair();
  const name = writeName(options.organization);
  const der = writeCertificate(
    {
      serial: newSerial(),
      issuer: name,
      subject: name,
      notBeforeMs: options.nowMs - BACKDATE_MS,
      notAfterMs: options.nowMs + (options.ttlMs ?? ROOT_TTL_MS),
      spki: key.spki,
      subjectKeyId: key.keyId,
      authorityKeyId: key.keyId,
      ca: { pathLength: undefined },
      extendedKeyUsage: [],
      uris: [],
      dns: [],
      keyEncipherment: false,
    },
    key,
  );
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw certificate.error;
  return { certificate: certificate.value, key, intermediatesPem: '', rootsPem: formatPem('CERTIFICATE', der) };
}

/** An intermediate below `parent`. */
export function makeIntermediate(
  parent: SigningAuthority,
  options: {
    readonly organization: string;
    readonly nowMs: number;
    readonly ttlMs?: number;
    readonly pathLength?: number;
  },
): SigningAuthority {
  const key = generateKeyPair();
  const der = writeCertificate(
    {
      serial: newSerial(),
      issuer: parent.certificate.subject,
      subject: writeName(options.organization, 'Intermediate CA'),
      notBeforeMs: options.nowMs - BACKDATE_MS,
      notAfterMs: options.nowMs + (options.ttlMs ?? ROOT_TTL_MS),
      spki: key.spki,
      subjectKeyId: key.keyId,
      authorityKeyId: parent.key.keyId,
      ca: { pathLength: options.pathLength },
      extendedKeyUsage: [],
      uris: [],
      dns: [],
      keyEncipherment: false,
    },
    parent.key,
  );
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw certificate.error;
  return {
    certificate: certificate.value,
    key,
    intermediatesPem: formatPem('CERTIFICATE', der) + parent.intermediatesPem,
    rootsPem: parent.rootsPem,
  };
}

export interface AuthorityFiles {
  readonly certPem: string;
  readonly keyPem: string;
  readonly rootsPem: string;
  /** Istio's cert-chain.pem: the authority, then what stands between it and the root; '' when it is the root. */
  readonly chainPem: string;
}

/** Checks that the files belong together and lead to a root, so that no leaf is issued which nobody could verify. */
export function readAuthority(files: AuthorityFiles, nowMs: number): Result<SigningAuthority, IdentityError> {
  const unusable = (detail: string): Result<SigningAuthority, IdentityError> =>
    err(new IdentityError('authority_unusable', detail));
  const blocks = pemBlocks(files.certPem, 'CERTIFICATE');
  if (!blocks.ok) return unusable(`ca-cert.pem: ${blocks.error.message}`);
  const parsed = parseCertificate(blocks.value[0] as Uint8Array);
  if (!parsed.ok) return unusable(`ca-cert.pem: ${parsed.error.message}`);
  const certificate = parsed.value;
  const key = readKeyPair(files.keyPem);
  if (!key.ok) return key;
  if (!sameBytes(key.value.spki, certificate.publicKey.spki))
    return err(new IdentityError('key_mismatch', 'ca-key.pem and ca-cert.pem'));
  if (!certificate.isCa || certificate.keyUsage?.certSign === false)
    return unusable(`${certificate.subjectText} is no certificate authority`);
  if (!isValidAt(certificate, nowMs)) return unusable(`${certificate.subjectText} is not valid now`);
  const trust = parseTrustBundle(files.rootsPem);
  if (trust.roots.length === 0) return unusable(`root-cert.pem: ${trust.complaints.join('; ')}`);
  const shown: Certificate[] = [];
  for (const der of chainBlocks(files.chainPem)) {
    const link = parseCertificate(der);
    if (!link.ok) return unusable(`cert-chain.pem: ${link.error.message}`);
    shown.push(link.value);
  }
  const path = findPath(certificate, shown, trust, nowMs);
  if (!path.ok)
    return unusable(`${certificate.subjectText} does not lead to root-cert.pem (${path.code} at ${path.at})`);
  const isRoot = path.path.length === 1;
  const between = isRoot ? [] : path.path.slice(0, -1);
  return ok({
    certificate,
    key: key.value,
    intermediatesPem: between.map((link) => formatPem('CERTIFICATE', link.der)).join(''),
    rootsPem: trust.roots.map((root) => formatPem('CERTIFICATE', root.der)).join(''),
  });
}

function chainBlocks(pem: string): readonly Uint8Array[] {
  const blocks = pemBlocks(pem, 'CERTIFICATE');
  return blocks.ok ? blocks.value : [];
}

/** 127 random bits: positive, never zero, and unguessable (CA/B Forum BR §7.1). */
function newSerial(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes;
}
