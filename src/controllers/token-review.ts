// Workloads prove who they are with a projected token: the API server's TokenReview judges it, for our audiences only.

import { err, ok, type Result } from '#base';
import { IdentityError, TOKEN_AUDIENCE, type TokenVerifier, type WorkloadClaims } from '#identity';
import type { KubeClient } from '#kube';

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const ACCOUNT = /^system:serviceaccount:([a-z0-9][-a-z0-9]{0,62}):([a-z0-9][-.a-z0-9]{0,252})$/;
/** Reviews at a time; beyond, callers are told to come again: a storm must not reach the API server. */
const REVIEWS_MAX = 64;
const TOKEN_CHARACTERS_MAX = 16_384;

export class TokenReviews implements TokenVerifier {
  readonly #client: KubeClient;
  readonly #audiences: readonly string[];
  /** One review serves all that show the same token at the same time (xDS and CSR of one start). */
  readonly #running = new Map<string, Promise<Result<WorkloadClaims, IdentityError>>>();

  constructor(client: KubeClient, audiences: readonly string[] = [TOKEN_AUDIENCE]) {
    this.#client = client;
    this.#audiences = audiences;
  }

  verify(token: string): Promise<Result<WorkloadClaims, IdentityError>> {
    if (token.length > TOKEN_CHARACTERS_MAX)
      return Promise.resolve(err(new IdentityError('token_malformed', 'too long')));
    const running = this.#running.get(token);
    if (running !== undefined) return running;
    if (this.#running.size >= REVIEWS_MAX)
      return Promise.resolve(err(new IdentityError('caller_unauthenticated', 'too many token reviews at once')));
    const review = this.#review(token).finally(() => this.#running.delete(token));
    this.#running.set(token, review);
    return review;
  }

  async #review(token: string): Promise<Result<WorkloadClaims, IdentityError>> {
    const reviewed = await this.#client.reviewToken(token, this.#audiences);
    if (!reviewed.ok)
      return err(
        new IdentityError('caller_unauthenticated', `the token could not be reviewed: ${reviewed.error.message}`),
      );
    const { authenticated, audiences, error, user } = reviewed.value;
    if (!authenticated)
      return err(new IdentityError(/expired/.test(error) ? 'token_expired' : 'token_signature', error));
    // An API server that knows no audiences leaves the list empty: then the token was for the API server itself.
    if (!audiences.some((one) => this.#audiences.includes(one)))
      return err(new IdentityError('token_audience', `it is for ${audiences.join(', ') || 'the API server'}`));
    const account = ACCOUNT.exec(user?.username ?? '');
    if (account === null)
      return err(new IdentityError('token_malformed', `${user?.username ?? 'nobody'} is no service account`));
    const [, namespace = '', serviceAccount = ''] = account;
    return ok({ namespace, serviceAccount, workload: user?.extra?.[POD_NAME]?.[0] ?? '' });
  }
}
