// Keeps the key sets and SPIFFE bundles that configuration refers to: fetched at once, refreshed every 20 minutes (a bundle
// sooner where it says so), kept through failures,
// tried again after 1 s and then 1 minute doubling to an hour, forgotten 7 days after the last use (Istio's times).

import type { Clock, Logger, Result, Timer } from '#base';
import { err, ok } from '#base';
import { IdentityError } from '../errors.ts';
import { parseKeySet } from './parse-key-set.ts';
import { parseSpiffeBundle } from './parse-spiffe-bundle.ts';

/** `issuer`: OpenID discovery says where its keys are. `bundle`: roots, which are kept as PEM. */
export interface KeySetSource {
  readonly kind: 'uri' | 'issuer' | 'bundle';
  readonly url: string;
  readonly timeoutMs: number;
}

/** The caller's implementation asks `mayFetchFrom` for every address it dials. */
export type FetchText = (
  url: string,
  timeoutMs: number,
) => Promise<Result<string, { readonly kind: 'refused' | 'failed'; readonly message: string }>>;

export interface KeySetKeeperOptions {
  readonly fetch: FetchText;
  readonly clock: Clock;
  readonly log: Logger;
  /** All sets that are known, by `keySetKey`; called when one came or differs. */
  readonly changed: (sets: ReadonlyMap<string, string>, key: string) => void;
}

const REFRESH_MS = 20 * 60_000;
/** Whatever a bundle asks for. */
const REFRESH_MIN_MS = 1000;
const RETRY_MS = 1000;
const RETRIES = 3;
const FAILURE_FIRST_MS = 60_000;
const FAILURE_MAX_MS = 60 * 60_000;
const UNUSED_MS = 7 * 24 * 3_600_000;

interface Kept {
  readonly text: string;
  readonly refreshMs: number | undefined;
}

interface Entry {
  source: KeySetSource;
  keys: string | undefined;
  refreshMs: number;
  problem: IdentityError | undefined;
  failures: number;
  timer: Timer | undefined;
  /** Undefined while some rule uses it. */
  unusedSinceMs: number | undefined;
}

export function keySetKey(source: Pick<KeySetSource, 'kind' | 'url'>): string {
  return `${source.kind} ${source.url}`;
}

/** Bounded by configuration: sources come from nowhere else. */
export class KeySetKeeper {
  readonly #options: KeySetKeeperOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: KeySetKeeperOptions) {
    this.#options = options;
  }

  /** Why a set is missing or stale; undefined when it is well. */
  problemOf(key: string): IdentityError | undefined {
    return this.#entries.get(key)?.problem;
  }

  /** What rules refer to from now on. */
  want(sources: Iterable<KeySetSource>): void {
    const nowMs = this.#options.clock.now();
    const wanted = new Set<string>();
    for (const source of sources) {
      const key = keySetKey(source);
      wanted.add(key);
      const known = this.#entries.get(key);
      if (known === undefined) {
        const entry: Entry = {
          source,
          keys: undefined,
          refreshMs: REFRESH_MS,
          problem: undefined,
          failures: 0,
          timer: undefined,
          unusedSinceMs: undefined,
        };
        this.#entries.set(key, entry);
        void this.#refresh(key, entry);
      } else {
        known.source = source;
        if (known.unusedSinceMs === undefined) continue;
        known.unusedSinceMs = undefined;
        void this.#refresh(key, known);
      }
    }
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      entry.timer?.cancel();
      entry.timer = undefined;
      entry.unusedSinceMs ??= nowMs;
      if (nowMs - entry.unusedSinceMs > UNUSED_MS) this.#entries.delete(key);
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
  }

  async #refresh(key: string, entry: Entry): Promise<void> {
    entry.timer?.cancel();
    const read = await this.#read(entry.source);
    if (this.#entries.get(key) !== entry || entry.unusedSinceMs !== undefined) return;
    if (read.ok) {
      entry.failures = 0;
      entry.problem = undefined;
      entry.refreshMs = Math.max(REFRESH_MIN_MS, Math.min(REFRESH_MS, read.value.refreshMs ?? REFRESH_MS));
      if (entry.keys !== read.value.text) {
        entry.keys = read.value.text;
        this.#options.changed(this.#known(), key);
      }
    } else {
      entry.failures++;
      entry.problem = read.error;
      this.#options.log.warn(`a ${entry.source.kind === 'bundle' ? 'SPIFFE bundle' : 'key set'} could not be fetched`, {
        source: key,
        problem: read.error.message,
        kept: entry.keys !== undefined,
      });
    }
    entry.timer = this.#options.clock.setTimer(pauseOf(entry), () => void this.#refresh(key, entry), {
      unref: true,
    });
  }

  #known(): ReadonlyMap<string, string> {
    const sets = new Map<string, string>();
    for (const [key, { keys }] of this.#entries) if (keys !== undefined) sets.set(key, keys);
    return sets;
  }

  async #read(source: KeySetSource): Promise<Result<Kept, IdentityError>> {
    const where = source.kind === 'issuer' ? await this.#discover(source) : ok(source.url);
    if (!where.ok) return where;
    const text = await this.#fetch(where.value, source.timeoutMs);
    if (!text.ok) return text;
    if (source.kind === 'bundle') {
      const bundle = parseSpiffeBundle(text.value);
      return bundle.ok ? ok({ text: bundle.value.rootsPem, refreshMs: bundle.value.refreshMs }) : bundle;
    }
    const keys = parseKeySet(text.value);
    return keys.ok ? ok({ text: JSON.stringify(keys.value), refreshMs: undefined }) : keys;
  }

  /** OpenID Connect Discovery 1.0 §4. */
  async #discover({ url, timeoutMs }: KeySetSource): Promise<Result<string, IdentityError>> {
    const text = await this.#fetch(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`, timeoutMs);
    if (!text.ok) return text;
    try {
      const { jwks_uri: address, issuer } = JSON.parse(text.value) as { jwks_uri?: unknown; issuer?: unknown };
      if (issuer !== url)
        return err(
          new IdentityError(
            'jwks_malformed',
            `the discovery document of ${url} is of issuer ${String(issuer).slice(0, 200)}`,
          ),
        );
      return typeof address === 'string'
        ? ok(address)
        : err(new IdentityError('jwks_malformed', `the discovery document of ${url} has no jwks_uri`));
    } catch {
      return err(new IdentityError('jwks_malformed', `the discovery document of ${url} is no JSON`));
    }
  }

  async #fetch(url: string, timeoutMs: number): Promise<Result<string, IdentityError>> {
    try {
      const text = await this.#options.fetch(url, timeoutMs);
      return text.ok
        ? text
        : err(
            new IdentityError(
              text.error.kind === 'refused' ? 'jwks_address_refused' : 'jwks_fetch_failed',
              `${url}: ${text.error.message}`,
            ),
          );
    } catch (error) {
      return err(new IdentityError('jwks_fetch_failed', `${url}: ${String(error)}`));
    }
  }
}

function pauseOf({ failures, refreshMs }: Entry): number {
  if (failures === 0) return refreshMs;
  if (failures <= RETRIES) return RETRY_MS;
  return Math.min(FAILURE_MAX_MS, FAILURE_FIRST_MS * 2 ** Math.min(failures - RETRIES - 1, 10));
}
