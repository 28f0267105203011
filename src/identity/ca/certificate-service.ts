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
import type { ExternalSigner } from './external-signer.ts';
import { asksOnlyFor, judgeSigned } from './external-signer.ts';
import { SigningRate } from './signing-rate.ts';

export interface CertificateServiceOptions {
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly log: Logger;
  /** Signs in place of the authority, whose roots stay trusted. */
  readonly signer?: ExternalSigner | undefined;
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
    if (options.signer !== undefined) {
      const asked = { request, csr: csr.value, identity: identity.value, ttlMs, requestedBy: caller.spiffeId };
      const signed = await signElsewhere(options.signer, asked, { ...options, log });
      return signed.ok ? signed : refused(signed.error);
    }
    if (options.authority.served !== undefined)
      return refused(new IdentityError('authority_is_elsewhere', caller.spiffeId));
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

/** `CertSigner` in the metadata of a request is Istio's name for the signer that a workload wants. */
async function signElsewhere(
  signer: ExternalSigner,
  asked: {
    readonly request: IstioCertificateRequest;
    readonly csr: CertificateRequest;
    readonly identity: string;
    readonly ttlMs: number;
    readonly requestedBy: string;
  },
  { authority, clock, log }: CertificateServiceOptions,
): Promise<Result<IstioCertificateResponse, IdentityError>> {
  const { request, csr, identity } = asked;
  if (!asksOnlyFor(csr, identity)) return err(new IdentityError('csr_wrong_identity', identity));
  const wanted = request.metadata?.['CertSigner'];
  const name = signer.nameFor(typeof wanted === 'string' ? wanted : '');
  if (!name.ok) return err(new IdentityError('signer_unknown', name.error));
  const rootsPem = authority.rootsOfSigner(name.value);
  if (rootsPem === '') return err(new IdentityError('signer_unknown', `${name.value} has no root in caCertificates`));
  const answer = await signer.sign(name.value, request.csr, authority.boundedLife(asked.ttlMs));
  if (!answer.ok) return err(new IdentityError('signer_failed', `${name.value}: ${answer.error}`));
  const signed = judgeSigned(answer.value, { csr, identity, rootsPem }, clock);
  if (!signed.ok) return signed;
  const { chain, serial, notBeforeMs, notAfterMs } = signed.value;
  log.info('certificate issued', {
    identity,
    serial,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    requestedBy: asked.requestedBy,
    signer: name.value,
  });
  const certChain = [...chain, authority.trust.rootsPem];
  return ok({ $typeName: 'istio.v1.auth.IstioCertificateResponse', certChain });
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
