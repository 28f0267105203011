// Takes a JSON Web Token apart, strictly, and says exactly what is wrong with it (RFC 7515, RFC 7519, RFC 8725).

import type { Result } from '#base';
import { err, ok } from '#base';
import { IdentityError, type IdentityErrorCode } from '../errors.ts';
import { JWT_ALGORITHMS } from './algorithms.ts';
import { KEY_ID_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX } from '../limits.ts';

export interface ReadToken {
  readonly text: string;
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly payload: Readonly<Record<string, unknown>>;
  /** The payload as it stands in the token: base64url. */
  readonly payloadText: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since the epoch; undefined when the token does not say. */
  readonly expires: number | undefined;
  readonly notBefore: number | undefined;
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Nothing of the result is to be believed before its signature was checked. */
export function readToken(text: string): Result<ReadToken, IdentityError> {
  const fault = (code: IdentityErrorCode, detail = ''): { readonly ok: false; readonly error: IdentityError } =>
    err(new IdentityError(code, detail));
  if (text.length > TOKEN_CHARACTERS_MAX) return fault('jwt_too_long', `${text.length} characters`);
  const [headerText = '', payloadText = '', signature = '', ...more] = text.split('.');
  if (more.length > 0 || headerText === '' || payloadText === '' || text.split('.').length !== 3)
    return fault('jwt_bad_form');
  const header = decodeObject(headerText);
  if (header === 'base64') return fault('jwt_header_base64');
  if (header === 'json') return fault('jwt_header_json');
  const refused = checkHeader(header);
  if (refused !== undefined) return err(refused);
  const payload = decodeObject(payloadText);
  if (payload === 'base64') return fault('jwt_payload_base64');
  if (payload === 'json') return fault('jwt_payload_json');
  const wrong = checkClaims(payload);
  if (wrong !== undefined) return err(wrong);
  if (signature === '' || !isBase64Url(signature)) return fault('jwt_signature_base64');
  const audience = payload['aud'];
  return ok({
    text,
    algorithm: header['alg'] as string,
    keyId: header['kid'] as string | undefined,
    payload,
    payloadText,
    issuer: (payload['iss'] as string | undefined) ?? '',
    subject: (payload['sub'] as string | undefined) ?? '',
    audiences: audience === undefined ? [] : typeof audience === 'string' ? [audience] : (audience as string[]),
    expires: payload['exp'] as number | undefined,
    notBefore: payload['nbf'] as number | undefined,
  });
}

/** `jwk`, `jku`, `x5u` and `x5c` are never looked at: a token does not say which key is to be trusted. */
function checkHeader(header: Readonly<Record<string, unknown>>): IdentityError | undefined {
  const { alg, kid, crit } = header as { alg?: unknown; kid?: unknown; crit?: unknown };
  if (typeof alg !== 'string') return new IdentityError('jwt_algorithm_missing');
  if (!JWT_ALGORITHMS.has(alg)) return new IdentityError('jwt_algorithm_refused', alg.slice(0, 20));
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KEY_ID_CHARACTERS_MAX))
    return new IdentityError('jwt_key_id');
  if (crit !== undefined) return new IdentityError('jwt_critical_header');
  if (header['b64'] === false || header['zip'] !== undefined || header['enc'] !== undefined)
    return new IdentityError('jwt_critical_header', 'b64, zip or enc');
  return undefined;
}

function checkClaims(payload: Readonly<Record<string, unknown>>): IdentityError | undefined {
  for (const claim of ['iss', 'sub'] as const)
    if (payload[claim] !== undefined && typeof payload[claim] !== 'string')
      return new IdentityError('jwt_claim_type', claim);
  for (const claim of ['exp', 'nbf', 'iat'] as const) {
    const value = payload[claim];
    if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value) || value < 0))
      return new IdentityError('jwt_claim_type', claim);
  }
  const { aud } = payload;
  if (
    aud !== undefined &&
    typeof aud !== 'string' &&
    !(Array.isArray(aud) && aud.every((one) => typeof one === 'string'))
  )
    return new IdentityError('jwt_claim_type', 'aud');
  return undefined;
}

function isBase64Url(text: string): boolean {
  return BASE64URL.test(text) && text.length % 4 !== 1;
}

function decodeObject(text: string): Readonly<Record<string, unknown>> | 'base64' | 'json' {
  if (!isBase64Url(text)) return 'base64';
  try {
    const value: unknown = JSON.parse(UTF8.decode(Buffer.from(text, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : 'json';
  } catch {
    return 'json';
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
