// Judges tokens of one issuer: issuer, time, audience, then the signature by a key of its set (RFC 7519, RFC 8725; order of Envoy's jwt_authn).

import type { JSONWebKeySet } from 'jose';
import type { Clock, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { JWT_KEYS_TRIED_MAX } from '../limits.ts';
import { JWT_ALGORITHMS } from './algorithms.ts';
import type { ReadToken } from './read-token.ts';

export interface JwtRule {
  /** Empty = any. */
  readonly issuer: string;
  /** Empty = any. */
  readonly audiences: readonly string[];
  /** Milliseconds that clocks may differ; Envoy's default is 60 s. */
  readonly skewMs: number;
}

type Jwk = JSONWebKeySet['keys'][number];
type Key = Awaited<ReturnType<typeof import('jose').importJWK>>;

export class JwtVerifier {
  readonly rule: JwtRule;
  readonly #keys: readonly Jwk[];
  readonly #clock: Pick<Clock, 'wallTime'>;
  readonly #audiences: ReadonlySet<string>;
  readonly #imported = new Map<string, Promise<Key>>();

  constructor(rule: JwtRule, keys: JSONWebKeySet, clock: Pick<Clock, 'wallTime'>) {
    this.rule = rule;
    this.#keys = keys.keys;
    this.#clock = clock;
    this.#audiences = new Set(rule.audiences.map(bareAudience));
  }

  /** What can be judged without a key; a token that was verified before needs no more than this. */
  judgeClaims(token: ReadToken): IdentityError | undefined {
    if (this.rule.issuer !== '' && token.issuer !== this.rule.issuer) return new IdentityError('jwt_issuer');
    const nowMs = this.#clock.wallTime();
    const { skewMs } = this.rule;
    if (token.notBefore !== undefined && token.notBefore * 1000 > nowMs + skewMs)
      return new IdentityError('jwt_not_yet_valid');
    if (token.expires !== undefined && token.expires * 1000 + skewMs < nowMs) return new IdentityError('jwt_expired');
    if (this.#audiences.size > 0 && !token.audiences.some((audience) => this.#audiences.has(bareAudience(audience))))
      return new IdentityError('jwt_audience');
    return undefined;
  }

  async verify(token: ReadToken): Promise<Result<ReadToken, IdentityError>> {
    const wrong = this.judgeClaims(token);
    if (wrong !== undefined) return err(wrong);
    if (this.#keys.length === 0) return err(new IdentityError('jwt_no_keys'));
    const candidates = this.#keys.map((_, index) => index).filter((index) => fits(this.#keys[index] as Jwk, token));
    if (candidates.length === 0) return err(new IdentityError('jwt_no_such_key'));
    const { compactVerify } = await import('jose');
    for (const index of candidates.slice(0, JWT_KEYS_TRIED_MAX)) {
      try {
        await compactVerify(token.text, await this.#key(index, token.algorithm), { algorithms: [token.algorithm] });
        return ok(token);
      } catch {
        // Not this key, or a key that cannot be used: another one of the set may fit.
      }
    }
    return err(new IdentityError('jwt_untrusted'));
  }

  #key(index: number, algorithm: string): Promise<Key> {
    const name = `${index} ${algorithm}`;
    let key = this.#imported.get(name);
    if (key === undefined) {
      key = import('jose').then(({ importJWK }) => importJWK(this.#keys[index] as Jwk, algorithm));
      this.#imported.set(name, key);
    }
    return key;
  }
}

/** A key that names itself, its use or its algorithm is used for nothing else. */
function fits(key: Jwk, token: ReadToken): boolean {
  const wanted = JWT_ALGORITHMS.get(token.algorithm);
  if (wanted === undefined || key.kty !== wanted.kty) return false;
  if (wanted.crv !== undefined && key.crv !== wanted.crv) return false;
  if (key.alg !== undefined && key.alg !== token.algorithm) return false;
  if (key.use !== undefined && key.use !== 'sig') return false;
  if (Array.isArray(key.key_ops) && !key.key_ops.includes('verify')) return false;
  return token.keyId === undefined || key.kid === undefined || key.kid === token.keyId;
}

/** As Envoy compares them: without scheme and trailing slash. */
function bareAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
