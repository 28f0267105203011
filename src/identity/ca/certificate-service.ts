// Answers istio.v1.auth.IstioCertificateService/CreateCertificate: the name is always the caller's, whatever the request asks for.

import type { Clock, Logger, Result } from '#base';
import { err, ok } from '#base';
import type { IstioCertificateRequest, IstioCertificateResponse } from '#proto/istio/v1/auth/ca_pb.ts';
import type { CertificateRequest } from '#wire/tls';
import { OID, parseCertificateRequest, pemBlocks } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { CSR_CHARACTERS_MAX } from '../limits.ts';
import { isWeakKey, verifySignature } from '../signature.ts';
import { parseWorkloadIdentity } from '../spiffe-id.ts';
import type { Caller } from '../token/caller.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { SigningRate } from './signing-rate.ts';

export interface CertificateServiceOptions {
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly log: Logger;
  /** Node proxies fetch certificates of the workloads on their node. Absent = nobody may. */
  readonly mayImpersonate?: (caller: Caller, spiffeId: string) => boolean;
}

// Types only: proxies hold this area too and load no protobuf runtime for it.
export type CreateCertificate = (
  request: IstioCertificateRequest,
  caller: Caller,
) => Promise<Result<IstioCertificateResponse, IdentityError>>;

export const CREATE_CERTIFICATE_PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

export function makeCertificateService(options: CertificateServiceOptions): CreateCertificate {
  const rate = new SigningRate(options.clock);
  const log = options.log.scope('ca');
  return async (request, caller) => {
    const refused = (error: IdentityError): Result<IstioCertificateResponse, IdentityError> => {
      log.warn('certificate refused', { caller: caller.spiffeId, code: error.code, reason: error.message });
      return err(error);
    };
    // Before any parsing: a caller in a loop costs next to nothing.
    if (!rate.take(caller.spiffeId)) return refused(new IdentityError('csr_rate_limited', caller.spiffeId));
    const identity = identityToSign(request, caller, options);
    if (!identity.ok) return refused(identity.error);
    const csr = readSigningRequest(request.csr);
    if (!csr.ok) return refused(csr.error);
    const ttlMs = request.validityDuration > 0n ? Number(request.validityDuration) * 1000 : 0;
    const { publicKey } = csr.value;
    const issued = options.authority.issue(
      {
        spki: publicKey.spki,
        uris: [identity.value],
        ttlMs,
        keyEncipherment: publicKey.algorithm === OID.rsaEncryption,
      },
      caller.spiffeId,
    );
    return ok({ $typeName: 'istio.v1.auth.IstioCertificateResponse', certChain: [...issued.chain] });
  };
}

/** A request whose signature was made by the key it holds. */
export function readSigningRequest(csrPem: string): Result<CertificateRequest, IdentityError> {
  if (csrPem.length > CSR_CHARACTERS_MAX) return err(new IdentityError('csr_too_large', `${csrPem.length} characters`));
  const blocks = pemBlocks(csrPem, 'CERTIFICATE REQUEST');
  if (!blocks.ok || blocks.value.length !== 1)
    return err(new IdentityError('csr_malformed', blocks.ok ? 'several requests' : blocks.error.message));
  const parsed = parseCertificateRequest(blocks.value[0] as Uint8Array);
  if (!parsed.ok) return err(new IdentityError('csr_malformed', parsed.error.message));
  const csr = parsed.value;
  if (isWeakKey(csr.publicKey))
    return err(new IdentityError('csr_weak_key', `${csr.publicKey.algorithm} ${csr.publicKey.bits} bits`));
  const signed = { bytes: csr.info, signature: csr.signature, algorithm: csr.signatureAlgorithm };
  return verifySignature(signed, csr.publicKey) ? ok(csr) : err(new IdentityError('csr_no_possession'));
}

function identityToSign(
  request: IstioCertificateRequest,
  caller: Caller,
  options: CertificateServiceOptions,
): Result<string, IdentityError> {
  const wanted = request.metadata?.['ImpersonatedIdentity'];
  if (wanted === undefined || wanted === null || wanted === '') return ok(caller.spiffeId);
  if (typeof wanted !== 'string') return err(new IdentityError('csr_impersonation', 'ImpersonatedIdentity is no text'));
  const parsed = parseWorkloadIdentity(wanted);
  if (!parsed.ok) return err(new IdentityError('csr_impersonation', parsed.error.message));
  if (parsed.value.trustDomain !== options.authority.trustDomain || options.mayImpersonate?.(caller, wanted) !== true) {
    return err(new IdentityError('csr_impersonation', `${caller.spiffeId} asks for ${wanted}`));
  }
  return ok(wanted);
}
