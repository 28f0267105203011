// Issues and verifies the mesh's own workload tokens: ES256, audience istio-ca, one hour, bound to one workload (design §3c).

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { errors as JoseErrors } from 'jose';
import type { Clock, Fs, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { CLOCK_SKEW_MS, TOKEN_CHARACTERS_MAX, TOKEN_TTL_MS } from '../limits.ts';

export interface WorkloadClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** '' = any workload of the service account (a token of Kubernetes that is bound to no pod). */
  readonly workload: string;
}

/** Ours, or Kubernetes' TokenReview. */
export interface TokenVerifier {
  verify(token: string): Promise<Result<WorkloadClaims, IdentityError>>;
}

export const TOKEN_AUDIENCE = 'istio-ca';
export const TOKEN_KEY_FILE = 'token-key.pem';
const ISSUER = 'topsail';
/** What a Kubernetes object's name may be; it becomes part of a SPIFFE id. */
const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

export interface WorkloadTokensOptions {
  readonly fs: Fs;
  readonly clock: Pick<Clock, 'wallTime'>;
  /** Beside the authority's key. */
  readonly folder: string;
}

export class WorkloadTokens implements TokenVerifier {
  readonly #clock: Pick<Clock, 'wallTime'>;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  /** Makes the key on first start and keeps it, so that tokens outlive a restart. */
  static async start(options: WorkloadTokensOptions): Promise<Result<WorkloadTokens, IdentityError>> {
    const path = `${options.folder}/${TOKEN_KEY_FILE}`;
    const text = await options.fs.readText(path);
    if (text === undefined) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await options.fs.makeFolder(options.folder, { mode: 0o700 });
      await options.fs.writeText(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, { mode: 0o600 });
      return ok(new WorkloadTokens(options.clock, privateKey));
    }
    const stat = await options.fs.stat(path);
    if (stat !== undefined && (stat.mode & 0o077) !== 0) return err(new IdentityError('authority_files_open', path));
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey(text);
    } catch {
      return err(new IdentityError('key_unusable', path));
    }
    if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
      return err(new IdentityError('key_unusable', `${path} is not P-256`));
    return ok(new WorkloadTokens(options.clock, privateKey));
  }

  private constructor(clock: Pick<Clock, 'wallTime'>, privateKey: KeyObject) {
    this.#clock = clock;
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
  }

  async issue(claims: WorkloadClaims, ttlMs: number = TOKEN_TTL_MS): Promise<Result<string, IdentityError>> {
    const wrong = [claims.namespace, claims.serviceAccount, claims.workload].find((name) => !NAME.test(name));
    if (wrong !== undefined)
      return err(new IdentityError('token_malformed', `${JSON.stringify(wrong)} is no valid name`));
    const { SignJWT } = await import('jose');
    const now = Math.floor(this.#clock.wallTime() / 1000);
    const token = await new SignJWT({
      'topsail/workload': claims.workload,
      'topsail/namespace': claims.namespace,
      'topsail/serviceAccount': claims.serviceAccount,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(TOKEN_AUDIENCE)
      .setSubject(`system:serviceaccount:${claims.namespace}:${claims.serviceAccount}`)
      .setIssuedAt(now)
      .setExpirationTime(now + Math.floor(Math.min(ttlMs, TOKEN_TTL_MS) / 1000))
      .sign(this.#privateKey);
    return ok(token);
  }

  async verify(token: string): Promise<Result<WorkloadClaims, IdentityError>> {
    if (token.length > TOKEN_CHARACTERS_MAX) return err(new IdentityError('token_malformed', 'too long'));
    // Loaded on first use: the proxy's process holds this area too and never sees a token of ours.
    const { jwtVerify, errors } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        algorithms: ['ES256'],
        issuer: ISSUER,
        audience: TOKEN_AUDIENCE,
        requiredClaims: ['exp', 'iat', 'sub'],
        clockTolerance: CLOCK_SKEW_MS / 1000,
        currentDate: new Date(this.#clock.wallTime()),
      });
      const namespace = payload['topsail/namespace'];
      const serviceAccount = payload['topsail/serviceAccount'];
      const workload = payload['topsail/workload'];
      if (!isName(namespace) || !isName(serviceAccount) || !isName(workload))
        return err(new IdentityError('token_malformed', 'claims'));
      return ok({ namespace, serviceAccount, workload });
    } catch (error) {
      return err(tokenError(error, errors));
    }
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

function tokenError(error: unknown, errors: typeof JoseErrors): IdentityError {
  if (error instanceof errors.JWTExpired) return new IdentityError('token_expired');
  if (error instanceof errors.JWSSignatureVerificationFailed) return new IdentityError('token_signature');
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return new IdentityError('token_audience');
    return new IdentityError(error.claim === 'nbf' ? 'token_expired' : 'token_malformed', error.claim);
  }
  if (error instanceof errors.JOSEError) return new IdentityError('token_malformed', error.code);
  throw error;
}
