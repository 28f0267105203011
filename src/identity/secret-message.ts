// Turns secrets into envoy.extensions.transport_sockets.tls.v3.Secret and back.

import type { DataSource } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { ProtoWriter } from '#proto/light.ts';
import { IdentityError } from './errors.ts';
import { readCertificateSecret, readTrustSecret } from './read-certificate-secret.ts';
import type { CertificateSecret, SecretValue, TrustSecret } from './secret-source.ts';

/** Field numbers of Secret, TlsCertificate, CertificateValidationContext and DataSource. */
const SECRET = { name: 1, tlsCertificate: 2, validationContext: 4 } as const;
const CERTIFICATE = { chain: 1, privateKey: 2 } as const;
const VALIDATION = { trustedCa: 1, crl: 7 } as const;
const INLINE_BYTES = 2;

/** The encoded message, as SDS and ADS carry it. */
export function encodeSecret(name: string, value: CertificateSecret | TrustSecret): Uint8Array {
  const secret = new ProtoWriter(1024).stringField(SECRET.name, name);
  if (value.kind === 'certificate') {
    const inner = new ProtoWriter(1024)
      .bytesField(CERTIFICATE.chain, inline(value.certChainPem))
      .bytesField(CERTIFICATE.privateKey, inline(value.privateKeyPem));
    return secret.bytesField(SECRET.tlsCertificate, inner.finish()).finish();
  }
  const inner = new ProtoWriter(1024).bytesField(VALIDATION.trustedCa, inline(value.rootsPem));
  if (value.crlPem !== '') inner.bytesField(VALIDATION.crl, inline(value.crlPem));
  return secret.bytesField(SECRET.validationContext, inner.finish()).finish();
}

/** A decoded message (protobuf-es or light); files and environment variables are not read here and are an error. */
export function decodeSecret(secret: Secret): SecretValue {
  const { type } = secret;
  if (type.case === 'tlsCertificate') {
    const chain = textOf(type.value.certificateChain);
    const key = textOf(type.value.privateKey);
    if (chain === undefined || key === undefined)
      return failed(secret.name, 'it has no inline certificate chain and private key');
    const read = readCertificateSecret(chain, key);
    return read.ok ? read.value : problem(read.error);
  }
  if (type.case === 'validationContext') {
    const roots = textOf(type.value.trustedCa);
    if (roots === undefined) return failed(secret.name, 'it has no inline trusted_ca');
    const crl = type.value.crl === undefined ? '' : textOf(type.value.crl);
    if (crl === undefined) return failed(secret.name, 'its crl is not inline');
    const read = readTrustSecret(roots, crl);
    return read.ok ? read.value : problem(read.error);
  }
  return failed(secret.name, `it is of kind ${type.case ?? 'none'}`);
}

function inline(pem: string): Uint8Array {
  return new ProtoWriter(pem.length + 8).bytesField(INLINE_BYTES, Buffer.from(pem, 'utf8')).finish();
}

function textOf(source: DataSource | undefined): string | undefined {
  const specifier = source?.specifier;
  if (specifier?.case === 'inlineString') return specifier.value;
  if (specifier?.case === 'inlineBytes') return Buffer.from(specifier.value).toString('utf8');
  return undefined;
}

function failed(name: string, why: string): SecretValue {
  return problem(new IdentityError('secret_incomplete', `${JSON.stringify(name)}: ${why}`));
}

function problem(error: IdentityError): SecretValue {
  return { kind: 'error', code: error.code, message: error.message };
}
