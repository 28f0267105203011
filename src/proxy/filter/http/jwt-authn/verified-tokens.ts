// Tokens whose signature was verified a short while ago: a client sends one token with many requests, and a signature costs 100 µs.

import { readToken, type IdentityErrorCode, type ReadToken } from '#identity';
import { VERIFIED_TOKENS_MAX } from '../../limits.ts';
import type { Verdict } from './judgement.ts';
import type { Provider } from './provider.ts';

interface Known {
  readonly token: ReadToken;
  readonly goodFor: Set<Provider>;
}

/** Belongs to one configuration: other keys, another cache. */
export class VerifiedTokens {
  readonly #known = new Map<string, Known>();

  /** The verdict, or a promise of it where a signature must be checked. */
  judge(
    text: string,
    provider: Provider,
  ): { readonly verdict: Verdict | Promise<Verdict>; readonly token: ReadToken | undefined } {
    const known = this.#known.get(text);
    let token: ReadToken;
    if (known !== undefined) token = known.token;
    else {
      const read = readToken(text);
      if (!read.ok) return { verdict: read.error.code, token: undefined };
      token = read.value;
    }
    const wrong: IdentityErrorCode | undefined =
      provider.requireExpiration && token.expires === undefined
        ? 'jwt_expired'
        : provider.verifier.judgeClaims(token)?.code;
    if (wrong !== undefined) return { verdict: wrong, token };
    if (known?.goodFor.has(provider) === true) {
      // Least recently used goes first.
      this.#known.delete(text);
      this.#known.set(text, known);
      return { verdict: 'ok', token };
    }
    return { verdict: this.#verify(token, provider), token };
  }

  async #verify(token: ReadToken, provider: Provider): Promise<Verdict> {
    const verified = await provider.verifier.verify(token);
    if (!verified.ok) return verified.error.code;
    const known = this.#known.get(token.text) ?? { token, goodFor: new Set<Provider>() };
    known.goodFor.add(provider);
    this.#known.set(token.text, known);
    if (this.#known.size > VERIFIED_TOKENS_MAX)
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    return 'ok';
  }
}
