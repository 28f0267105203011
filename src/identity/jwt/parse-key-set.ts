// Reads a JSON Web Key Set (RFC 7517): asymmetric keys only, within limits.

import type { JSONWebKeySet } from 'jose';
import type { Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { JWKS_CHARACTERS_MAX, JWKS_KEYS_MAX } from '../limits.ts';

export function parseKeySet(text: string): Result<JSONWebKeySet, IdentityError> {
  if (text.length > JWKS_CHARACTERS_MAX)
    return err(new IdentityError('jwks_malformed', `more than ${JWKS_CHARACTERS_MAX} characters`));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err(new IdentityError('jwks_malformed', 'no JSON'));
  }
  const keys = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > JWKS_KEYS_MAX)
    return err(new IdentityError('jwks_malformed', 'keys'));
  // A symmetric key in a public document would let every reader of it sign.
  const usable = keys.filter(
    (key: { kty?: unknown } | null) => key?.kty === 'RSA' || key?.kty === 'EC' || key?.kty === 'OKP',
  );
  return usable.length === 0
    ? err(new IdentityError('jwks_malformed', 'no asymmetric key'))
    : ok({ keys: usable as JSONWebKeySet['keys'] });
}
