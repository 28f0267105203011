// Says who calls the control plane: by client certificate, by Bearer token, or both when they agree.

import type { PeerVerdict, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { formatWorkloadIdentity, parseWorkloadIdentity } from '../spiffe-id.ts';
import type { TokenVerifier } from './workload-token.ts';

export interface Caller {
  readonly spiffeId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** From the token; undefined when only a certificate was shown, which names no workload. */
  readonly workload: string | undefined;
}

export interface CallerCredentials {
  /** The `authorization` header; undefined = none. */
  readonly authorization: string | undefined;
  readonly peer: PeerVerdict;
}

export async function authenticateCaller(
  shown: CallerCredentials,
  tokens: TokenVerifier,
  trustDomain: string,
  aliases: readonly string[] = [],
): Promise<Result<Caller, IdentityError>> {
  const byCertificate = fromCertificate(shown.peer, trustDomain, aliases);
  if (byCertificate !== undefined && !byCertificate.ok) return byCertificate;
  if (shown.authorization === undefined) {
    return byCertificate ?? err(new IdentityError('caller_unauthenticated', 'no token and no certificate'));
  }
  const byToken = await fromToken(shown.authorization, tokens, trustDomain);
  if (byCertificate === undefined) return byToken;
  // A certificate renews itself after its first token is long gone.
  if (!byToken.ok) return byToken.error.code === 'token_expired' ? byCertificate : byToken;
  if (byToken.value.spiffeId !== byCertificate.value.spiffeId) {
    return err(
      new IdentityError(
        'caller_unauthenticated',
        `the token says ${byToken.value.spiffeId}, the certificate ${byCertificate.value.spiffeId}`,
      ),
    );
  }
  return byToken;
}

/** An identity of an alias is known, and signed, as the trust domain's own. */
function fromCertificate(
  peer: PeerVerdict,
  trustDomain: string,
  aliases: readonly string[],
): Result<Caller, IdentityError> | undefined {
  if (peer.kind === 'anonymous') return undefined;
  const identity = parseWorkloadIdentity(peer.spiffeId);
  if (!identity.ok) return err(new IdentityError('caller_unauthenticated', identity.error.message));
  const { namespace, serviceAccount } = identity.value;
  const own = aliases.includes(identity.value.trustDomain);
  const spiffeId = own ? formatWorkloadIdentity({ trustDomain, namespace, serviceAccount }) : peer.spiffeId;
  return ok({ spiffeId, namespace, serviceAccount, workload: undefined });
}

async function fromToken(
  authorization: string,
  tokens: TokenVerifier,
  trustDomain: string,
): Promise<Result<Caller, IdentityError>> {
  const token = /^Bearer ([^\s]+)$/i.exec(authorization)?.[1];
  if (token === undefined) return err(new IdentityError('token_malformed', 'authorization is not Bearer'));
  const claims = await tokens.verify(token);
  if (!claims.ok) return claims;
  const { namespace, serviceAccount, workload } = claims.value;
  return ok({
    spiffeId: formatWorkloadIdentity({ trustDomain, namespace, serviceAccount }),
    namespace,
    serviceAccount,
    workload: workload === '' ? undefined : workload,
  });
}
