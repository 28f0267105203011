// Verifies an end user's JSON Web Token against one issuer's rule (RequestAuthentication; RFC 7519, RFC 8725).

import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { Clock, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { TOKEN_CHARACTERS_MAX } from '../limits.ts';

export interface JwtRule {
  readonly issuer: string;
  /** Empty = any. */
  readonly audiences: readonly string[];
  /** Milliseconds that clocks may differ; Envoy's default is 60 s. */
  readonly skewMs: number;
}

/** No symmetric one and no `none`: a public key must never be taken for a shared secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
];

export async function verifyJwt(
  token: string,
  rule: JwtRule,
  keys: JSONWebKeySet,
  clock: Pick<Clock, 'wallTime'>,
): Promise<Result<JWTPayload, IdentityError>> {
  if (token.length > TOKEN_CHARACTERS_MAX) return err(new IdentityError('jwt_malformed', 'too long'));
  const { createLocalJWKSet, errors, jwtVerify } = await import('jose');
  const options = {
    algorithms: ALGORITHMS,
    issuer: rule.issuer,
    ...(rule.audiences.length === 0 ? {} : { audience: [...rule.audiences] }),
    clockTolerance: rule.skewMs / 1000,
    currentDate: new Date(clock.wallTime()),
  };
  const fault = (error: unknown): IdentityError => {
    if (error instanceof errors.JWTExpired) return new IdentityError('jwt_expired');
    if (error instanceof errors.JWTClaimValidationFailed) {
      if (error.claim === 'aud') return new IdentityError('jwt_audience');
      if (error.claim === 'iss') return new IdentityError('jwt_issuer');
      return new IdentityError(error.claim === 'nbf' ? 'jwt_expired' : 'jwt_malformed', error.claim);
    }
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey)
      return new IdentityError('jwt_untrusted');
    return error instanceof errors.JOSEError
      ? new IdentityError('jwt_malformed', error.code)
      : new IdentityError('jwt_untrusted', 'a key of the set cannot be used');
  };
  try {
    return ok((await jwtVerify(token, createLocalJWKSet(keys), options)).payload);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return err(fault(error));
    // Without a key id every key of the right kind is tried.
    for await (const key of error) {
      try {
        return ok((await jwtVerify(token, key, options)).payload);
      } catch (inner) {
        if (!(inner instanceof errors.JWSSignatureVerificationFailed)) return err(fault(inner));
      }
    }
    return err(new IdentityError('jwt_untrusted'));
  }
}
