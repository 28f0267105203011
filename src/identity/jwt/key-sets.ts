// Keeps the JSON Web Key Sets of issuers: refreshed every 20 minutes, kept through failures, evicted after 7 days without use (Istio's times).

import type { JSONWebKeySet } from 'jose';
import type { Clock, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { JWKS_CHARACTERS_MAX, JWKS_KEYS_MAX } from '../limits.ts';

/** Fetches the text; the caller's implementation asks `mayFetchFrom` for every address it dials. */
export type FetchKeySet = (url: string) => Promise<Result<string, { readonly message: string }>>;

const REFRESH_MS = 20 * 60_000;
const FAILURE_FIRST_MS = 60_000;
const FAILURE_MAX_MS = 60 * 60_000;
const UNUSED_MS = 7 * 24 * 3_600_000;

interface Entry {
  keys: JSONWebKeySet | undefined;
  problem: IdentityError | undefined;
  failures: number;
  dueMs: number;
  usedMs: number;
  fetching: Promise<void> | undefined;
}

/** Addresses come from configuration only. */
export class KeySets {
  readonly #fetch: FetchKeySet;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly fetch: FetchKeySet; readonly clock: Pick<Clock, 'now'> }) {
    this.#fetch = options.fetch;
    this.#clock = options.clock;
  }

  /** Waits only when nothing is known yet; a set that is due is refreshed behind the answer. No set is an error: requests are denied. */
  async get(url: string): Promise<Result<JSONWebKeySet, IdentityError>> {
    const nowMs = this.#clock.now();
    this.#evict(nowMs);
    const entry = this.#entries.get(url) ?? {
      keys: undefined,
      problem: undefined,
      failures: 0,
      dueMs: nowMs,
      usedMs: nowMs,
      fetching: undefined,
    };
    this.#entries.set(url, entry);
    entry.usedMs = nowMs;
    if (nowMs >= entry.dueMs) entry.fetching ??= this.#refresh(url, entry);
    if (entry.keys === undefined && entry.fetching !== undefined) await entry.fetching;
    return entry.keys === undefined
      ? err(entry.problem ?? new IdentityError('jwks_fetch_failed', url))
      : ok(entry.keys);
  }

  async #refresh(url: string, entry: Entry): Promise<void> {
    let read: Result<JSONWebKeySet, IdentityError>;
    try {
      const text = await this.#fetch(url);
      read = text.ok
        ? parseKeySet(text.value)
        : err(new IdentityError('jwks_fetch_failed', `${url}: ${text.error.message}`));
    } catch (error) {
      read = err(new IdentityError('jwks_fetch_failed', `${url}: ${String(error)}`));
    }
    const nowMs = this.#clock.now();
    entry.fetching = undefined;
    if (read.ok) {
      entry.keys = read.value;
      entry.problem = undefined;
      entry.failures = 0;
      entry.dueMs = nowMs + REFRESH_MS;
      return;
    }
    entry.problem = read.error;
    entry.dueMs = nowMs + Math.min(FAILURE_MAX_MS, FAILURE_FIRST_MS * 2 ** Math.min(entry.failures++, 10));
  }

  #evict(nowMs: number): void {
    for (const [url, entry] of this.#entries) if (nowMs - entry.usedMs > UNUSED_MS) this.#entries.delete(url);
  }
}

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
