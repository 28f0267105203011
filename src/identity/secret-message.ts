// Turns secrets into envoy.extensions.transport_sockets.tls.v3.Secret and back.

import type { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { ProtoWriter } from '#proto/light.ts';
import { IdentityError } from './errors.ts';
import { readCertificateSecret, readTrustSecret } from './read-certificate-secret.ts';
import type { CertificateSecret, SecretValue, TrustSecret } from './secret-source.ts';
import { encodeSpiffeValidator, inline, readSpiffeValidator, textOf } from './spiffe-validator.ts';

/** Field numbers of Secret, TlsCertificate and CertificateValidationContext. */
const SECRET = { name: 1, tlsCertificate: 2, validationContext: 4 } as const;
const CERTIFICATE = { chain: 1, privateKey: 2 } as const;
const VALIDATION = { trustedCa: 1, crl: 7, customValidator: 12 } as const;

/**
 * The encoded message, as SDS and ADS carry it. Envoy's SPIFFE validator knows no revocation lists: while there is one,
 * it counts, and roots that are for one trust domain only are trusted for nobody. No list covers them anyway.
 */
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
  else if (value.bundles !== undefined)
    inner.bytesField(VALIDATION.customValidator, encodeSpiffeValidator(value.bundles));
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
    const bundles = readSpiffeValidator(type.value);
    if (!bundles.ok) return failed(secret.name, bundles.error);
    const roots = textOf(type.value.trustedCa) ?? (bundles.value === undefined ? undefined : '');
    if (roots === undefined) return failed(secret.name, 'it has no inline trusted_ca');
    const crl = type.value.crl === undefined ? '' : textOf(type.value.crl);
    if (crl === undefined) return failed(secret.name, 'its crl is not inline');
    const read = readTrustSecret(roots, crl, bundles.value);
    return read.ok ? read.value : problem(read.error);
  }
  return failed(secret.name, `it is of kind ${type.case ?? 'none'}`);
}

function failed(name: string, why: string): SecretValue {
  return problem(new IdentityError('secret_incomplete', `${JSON.stringify(name)}: ${why}`));
}

function problem(error: IdentityError): SecretValue {
  return { kind: 'error', code: error.code, message: error.message };
}
