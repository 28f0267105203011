// What was found out about a token of a request, in the words that Envoy answers with.

import type { IdentityErrorCode, ReadToken } from '#identity';
import type { Provider } from './provider.ts';

/** Good, or why not. `missing` is no fault where a requirement allows it. */
export type Verdict = 'ok' | 'missing' | IdentityErrorCode;

/** A token that stood at a place of the provider, judged by its rule. */
export interface Judged {
  readonly provider: Provider;
  readonly text: string;
  readonly verdict: Verdict;
  readonly token: ReadToken | undefined;
}

const BODY: Partial<Record<Verdict, string>> = {
  missing: 'Jwt is missing',
  jwt_too_long: 'Jwt is too long',
  jwt_bad_form: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  jwt_header_base64: 'Jwt header is an invalid Base64url encoded',
  jwt_header_json: 'Jwt header is an invalid JSON',
  jwt_algorithm_missing: 'Jwt header [alg] field is required and must be a string',
  jwt_algorithm_refused: 'Jwt header [alg] is not supported',
  jwt_key_id: 'Jwt header [kid] field is not a string',
  jwt_critical_header: 'Jwt header [crit] is not supported',
  jwt_payload_base64: 'Jwt payload is an invalid Base64url encoded',
  jwt_payload_json: 'Jwt payload is an invalid JSON',
  jwt_claim_type: 'Jwt payload has a claim of a wrong type',
  jwt_signature_base64: 'Jwt signature is an invalid Base64url encoded',
  jwt_no_keys: "Jwks doesn't have any valid public key",
  jwt_no_such_key: "Jwks doesn't have key to match kid or alg from Jwt",
  jwt_not_yet_valid: 'Jwt not yet valid',
  jwt_expired: 'Jwt is expired',
  jwt_audience: 'Audiences in Jwt are not allowed',
  jwt_issuer: 'Jwt issuer is not configured',
};

export function bodyOf(verdict: Verdict): string {
  return BODY[verdict] ?? 'Jwt verification fails';
}

/** Of several faults the one that says most: a foreign issuer says less than a broken token, a missing token least. */
export function worse(known: Verdict, next: Verdict): Verdict {
  const weight = (verdict: Verdict): number => (verdict === 'missing' ? 0 : verdict === 'jwt_issuer' ? 1 : 2);
  return weight(next) >= weight(known) ? next : known;
}
