// MeshConfig `caCertificates`: roots of others, as PEM or from the address of a SPIFFE bundle, trusted beside ours.
import type { Clock, Logger } from '#base';
import { type ExtraRoots as Roots, KeySetKeeper, keySetKey, mayFetchFrom } from '#identity';
import { safeFetch } from '#io';
import type { MeshSettings } from '#registry';
import type { DiscoveryIdentity } from './discovery-identity.ts';

const TIMEOUT_MS = 10_000;
const BYTES_MAX = 256 * 1024;

export interface ExtraRootsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: DiscoveryIdentity;
  /** Addresses that are not public and may be asked all the same: "private" for all private and loopback ones, or exact ones. */
  readonly allow: readonly string[];
}

export class ExtraRoots {
  readonly #options: ExtraRootsOptions;
  readonly #keeper: KeySetKeeper;
  #bundles: ReadonlyMap<string, string> = new Map();
  #mesh: MeshSettings | undefined;

  constructor(options: ExtraRootsOptions) {
    this.#options = options;
    const { clock, log, allow } = options;
    const allowed = { privateRanges: allow.includes('private'), exactly: allow.filter((one) => one !== 'private') };
    this.#keeper = new KeySetKeeper({
      clock,
      log,
      fetch: (url, timeoutMs) =>
        safeFetch(url, { mayDial: (address) => mayFetchFrom(address, allowed), timeoutMs, bytesMax: BYTES_MAX }),
      changed: (bundles) => {
        this.#bundles = bundles;
        this.#apply();
      },
    });
  }

  snapshotMade({ mesh }: { readonly mesh: MeshSettings }): void {
    this.#mesh = mesh;
    this.#keeper.want(
      (mesh.spec.caCertificates ?? []).flatMap(({ spiffeBundleUrl: url }) =>
        url === undefined ? [] : [{ kind: 'bundle' as const, url, timeoutMs: TIMEOUT_MS }],
      ),
    );
    this.#apply();
  }

  close(): void {
    this.#keeper.close();
  }

  /** A bundle that never came vouches for nobody. */
  #apply(): void {
    const { identity, log } = this.#options;
    const extra = (this.#mesh?.spec.caCertificates ?? []).flatMap((one): readonly Roots[] => {
      const { pem, spiffeBundleUrl: url, trustDomains = [], certSigners = [] } = one;
      const roots = pem ?? (url === undefined ? undefined : this.#bundles.get(keySetKey({ kind: 'bundle', url })));
      return roots === undefined ? [] : [{ pem: roots, trustDomains, certSigners }];
    });
    for (const complaint of identity.authority.setExtraRoots(extra, this.#mesh?.trustDomainAliases))
      log.warn('a root of MeshConfig.caCertificates is not trusted', { complaint });
  }
}
