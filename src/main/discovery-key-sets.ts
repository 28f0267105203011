// Key sets of issuers in a control plane: what RequestAuthentications refer to is fetched safely and becomes part of the next snapshot.
import type { Clock, Logger } from '#base';
import { type ConfigView, durationMs } from '#config';
import { KeySetKeeper, type KeySetSource, keySetKey, mayFetchFrom } from '#identity';
import { safeFetch } from '#io';
import type { Pusher } from '#push';
import { keySetSource } from '#translate';

const TIMEOUT_MS = 5000;
const BYTES_MAX = 256 * 1024;

export interface DiscoveryKeySetsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pusher: Pick<Pusher, 'keySetsChanged'>;
  /** Addresses that are not public and may be asked all the same: "private" for all private and loopback ones, or exact ones. */
  readonly allow: readonly string[];
}

export class DiscoveryKeySets {
  readonly #keeper: KeySetKeeper;
  /** Keys of the policies that use a source. */
  #users = new Map<string, Set<string>>();

  constructor({ clock, log, pusher, allow }: DiscoveryKeySetsOptions) {
    const allowed = { privateRanges: allow.includes('private'), exactly: allow.filter((one) => one !== 'private') };
    this.#keeper = new KeySetKeeper({
      clock,
      log: log.scope('jwks'),
      fetch: (url, timeoutMs) =>
        safeFetch(url, { mayDial: (address) => mayFetchFrom(address, allowed), timeoutMs, bytesMax: BYTES_MAX }),
      changed: (sets, key) => pusher.keySetsChanged(sets, this.#users.get(key) ?? []),
    });
  }

  configChanged(view: ConfigView): void {
    const sources = new Map<string, KeySetSource>();
    const users = new Map<string, Set<string>>();
    for (const policy of view.list('RequestAuthentication')) {
      for (const rule of policy.spec.jwtRules ?? []) {
        const source = keySetSource(rule);
        if (source === undefined) continue;
        const key = keySetKey(source);
        sources.set(key, {
          ...source,
          timeoutMs: Math.max(sources.get(key)?.timeoutMs ?? 0, durationMs(rule.timeout, TIMEOUT_MS)),
        });
        users.set(key, (users.get(key) ?? new Set()).add(policy.key));
      }
    }
    this.#users = users;
    this.#keeper.want(sources.values());
  }

  close(): void {
    this.#keeper.close();
  }
}
