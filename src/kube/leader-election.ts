// One leader among the replicas, by a coordination.k8s.io Lease. Who cannot renew in time stops leading before
// anybody else may start: the holder counts from when it asked, the others from when they saw the last change.

import type { Clock, Logger, Random, Timer } from '#base';
import type { KubeClient } from './client.ts';
import { type KubeObject, RESOURCES } from './object.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
  readonly lease: string;
  /** This replica; unique. */
  readonly identity: string;
  /** Istio's 30 s; renewed every quarter, given up at two thirds. */
  readonly ttlMs?: number;
  readonly changed: (leading: boolean) => void;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #ttlMs: number;
  #leading = false;
  /** Own clock: when the present record was first seen, whatever its author's clock says. */
  #seen: { readonly record: string; readonly atMs: number } | undefined;
  #renewedMs = 0;
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  #closed = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? 30_000;
  }

  get leading(): boolean {
    return this.#leading;
  }

  start(): void {
    void this.#turn();
  }

  /** Gives the lease back, so that another replica need not wait for its end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const led = this.#leading;
    this.#setLeading(false);
    if (!led) return;
    const present = await this.#read();
    if (present === undefined || present === 'none') return;
    if (specOf(present).holderIdentity !== this.#options.identity) return;
    await this.#options.client.replace(RESOURCES.leases, {
      ...present,
      spec: { ...specOf(present), holderIdentity: '', leaseDurationSeconds: 1 },
    });
  }

  async #turn(): Promise<void> {
    const { clock, random, log } = this.#options;
    try {
      await this.#tryOnce();
    } catch (error) {
      log.warn('leader election failed; it is tried again', { reason: String(error) });
    }
    if (this.#closed) return;
    this.#timer = clock.setTimer((this.#ttlMs / 4) * (0.8 + 0.4 * random.float()), () => void this.#turn(), {
      unref: true,
    });
  }

  async #tryOnce(): Promise<void> {
    const { clock, client, identity, namespace, lease } = this.#options;
    const askedMs = clock.now();
    const present = await this.#read();
    if (present === undefined || this.#closed) return;
    if (present === 'none') {
      const made = await client.create(RESOURCES.leases, {
        metadata: { name: lease, namespace },
        spec: this.#spec(undefined),
      });
      if (made.ok) this.#won(askedMs);
      return;
    }
    const spec = specOf(present);
    const mine = spec.holderIdentity === identity;
    if (!mine && !this.#expired(present, spec)) return this.#setLeading(false);
    const written = await client.replace(RESOURCES.leases, { ...present, spec: this.#spec(spec) });
    if (written.ok) this.#won(askedMs);
    else if (written.error.code === 'kube_conflict') this.#seen = undefined;
  }

  #expired(present: KubeObject, spec: LeaseSpec): boolean {
    if ((spec.holderIdentity ?? '') === '') return true;
    const record = present.metadata.resourceVersion ?? '';
    const now = this.#options.clock.now();
    if (this.#seen?.record !== record) {
      this.#seen = { record, atMs: now };
      return false;
    }
    return now - this.#seen.atMs > (spec.leaseDurationSeconds ?? this.#ttlMs / 1000) * 1000;
  }

  #won(askedMs: number): void {
    if (this.#closed) return;
    this.#renewedMs = askedMs;
    this.#deadline?.cancel();
    const give = (): void => {
      if (this.#options.clock.now() - this.#renewedMs >= (this.#ttlMs * 2) / 3) this.#setLeading(false);
    };
    this.#deadline = this.#options.clock.setTimer((this.#ttlMs * 2) / 3, give, { unref: true });
    this.#setLeading(true);
  }

  /** Undefined when the API server did not say. */
  async #read(): Promise<KubeObject | 'none' | undefined> {
    const { client, namespace, lease } = this.#options;
    const read = await client.get(RESOURCES.leases, { namespace, name: lease });
    if (read.ok) return read.value;
    return read.error.code === 'kube_not_found' ? 'none' : undefined;
  }

  #spec(former: LeaseSpec | undefined): LeaseSpec {
    const { clock, identity } = this.#options;
    const now = new Date(clock.wallTime()).toISOString().replace('Z', '000Z');
    const mine = former?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(this.#ttlMs / 1000),
      acquireTime: mine ? (former.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (former?.leaseTransitions ?? 0) + (mine || former === undefined ? 0 : 1),
    };
  }

  #setLeading(leading: boolean): void {
    if (leading === this.#leading) return;
    this.#leading = leading;
    if (!leading) this.#deadline?.cancel();
    this.#options.log.info(leading ? 'leading' : 'no longer leading', { lease: this.#options.lease });
    this.#options.changed(leading);
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  return (lease['spec'] ?? {}) as LeaseSpec;
}
