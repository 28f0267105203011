// Reads the roots of a SPIFFE bundle: a JSON Web Key Set whose `x509-svid` keys carry one certificate each (SPIFFE Trust Domain and Bundle §4).

import type { Result } from '#base';
import { err, ok } from '#base';
import { formatPem } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { JWKS_CHARACTERS_MAX, JWKS_KEYS_MAX } from '../limits.ts';
import { parseTrustBundle } from '../trust-bundle.ts';

export interface SpiffeBundle {
  readonly rootsPem: string;
  /** How often its publisher wants to be asked; undefined: it does not say. */
  readonly refreshMs: number | undefined;
}

export function parseSpiffeBundle(text: string): Result<SpiffeBundle, IdentityError> {
  const malformed = (why: string): Result<SpiffeBundle, IdentityError> =>
    err(new IdentityError('spiffe_bundle_malformed', why));
  if (text.length > JWKS_CHARACTERS_MAX) return malformed(`more than ${JWKS_CHARACTERS_MAX} characters`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return malformed('no JSON');
  }
  const { keys, spiffe_refresh_hint: hint } = (document ?? {}) as { keys?: unknown; spiffe_refresh_hint?: unknown };
  if (!Array.isArray(keys) || keys.length > JWKS_KEYS_MAX)
    return malformed(`"keys" is no list of at most ${JWKS_KEYS_MAX}`);
  const pems: string[] = [];
  for (const [index, key] of keys.entries()) {
    const { use, x5c } = (key ?? {}) as { use?: unknown; x5c?: unknown };
    // Keys for other uses, and uses of later versions, are passed over.
    if (use !== 'x509-svid') continue;
    const [certificate, ...more] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
    if (typeof certificate !== 'string' || more.length > 0)
      return malformed(`keys[${index}].x5c is not one certificate`);
    pems.push(formatPem('CERTIFICATE', Buffer.from(certificate, 'base64')));
  }
  const rootsPem = pems.join('');
  const { roots, complaints } = parseTrustBundle(rootsPem);
  // A bundle is taken whole or not at all: the last good one stays in force meanwhile.
  if (complaints.length > 0) return malformed(complaints.join('; '));
  if (roots.length === 0) return malformed('no key of use x509-svid');
  return ok({ rootsPem, refreshMs: typeof hint === 'number' && hint > 0 ? hint * 1000 : undefined });
}
