// Which replicas of the control plane there are, and where: each keeps a Lease of its own, as API servers do.

import type { Clock, Logger, Random, Timer } from '#base';
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';

export interface Replica {
  readonly name: string;
  /** `host:port` of its HTTPS. */
  readonly address: string;
}

export interface ReplicaLeasesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
  /** Its replicas know of one another: `istiod`, or `istiod-REVISION`. */
  readonly service: string;
  readonly self: Replica;
}

const REPLICA_OF = 'topsail.io/replica-of';
const TTL_MS = 30_000;
/** The API server is asked for the others at most so often, while somebody wants to know. */
const LIST_MS = 5000;

export class ReplicaLeases {
  readonly #options: ReplicaLeasesOptions;
  /** Own clock: when the present form of a lease was first seen, whatever its author's clock says. */
  readonly #seen = new Map<string, { readonly version: string; readonly atMs: number }>();
  #owner: object | undefined;
  #peers: { readonly atMs: number; readonly found: Promise<readonly Replica[]> } | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: ReplicaLeasesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { client, namespace, self } = this.#options;
    const pod = await client.get(RESOURCES.pods, { namespace, name: self.name });
    // It goes with its pod, however that ends.
    if (pod.ok)
      this.#owner = {
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: self.name, uid: pod.value.metadata.uid }],
      };
    await this.#renew();
  }

  /** All others whose lease has not ended. */
  peers(): Promise<readonly Replica[]> {
    const now = this.#options.clock.now();
    if (this.#peers === undefined || now - this.#peers.atMs >= LIST_MS)
      this.#peers = { atMs: now, found: this.#list(this.#peers?.found ?? Promise.resolve([])) };
    return this.#peers.found;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const { client, namespace } = this.#options;
    await client.delete(RESOURCES.leases, { namespace, name: this.#name });
  }

  get #name(): string {
    return `replica-${this.#options.self.name}`;
  }

  async #renew(): Promise<void> {
    const { client, clock, random, log, namespace, service, self } = this.#options;
    const applied = await client.apply(
      RESOURCES.leases,
      {
        metadata: {
          name: this.#name,
          namespace,
          labels: { [REPLICA_OF]: service, 'app.kubernetes.io/managed-by': 'topsail' },
          ...this.#owner,
        },
        spec: {
          holderIdentity: self.address,
          leaseDurationSeconds: TTL_MS / 1000,
          renewTime: new Date(clock.wallTime()).toISOString().replace('Z', '000Z'),
        },
      },
      { force: true },
    );
    if (!applied.ok) log.warn('the lease of this replica was not renewed', { reason: applied.error.message });
    if (this.#closed) return;
    this.#timer = clock.setTimer((TTL_MS / 3) * (0.8 + 0.4 * random.float()), () => void this.#renew(), {
      unref: true,
    });
  }

  async #list(former: Promise<readonly Replica[]>): Promise<readonly Replica[]> {
    const { client, clock, namespace, service } = this.#options;
    const listed = await client.list(RESOURCES.leases, { namespace, labelSelector: `${REPLICA_OF}=${service}` });
    if (!listed.ok) return former;
    const now = clock.now();
    const names = new Set(listed.value.map(({ metadata }) => metadata.name));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    return listed.value.flatMap((lease) => this.#alive(lease, now) ?? []);
  }

  #alive(lease: KubeObject, now: number): Replica | undefined {
    const { name, resourceVersion = '' } = lease.metadata;
    if (name === this.#name) return undefined;
    if (this.#seen.get(name)?.version !== resourceVersion)
      this.#seen.set(name, { version: resourceVersion, atMs: now });
    const { holderIdentity = '', leaseDurationSeconds = TTL_MS / 1000 } = (lease['spec'] ?? {}) as {
      readonly holderIdentity?: string;
      readonly leaseDurationSeconds?: number;
    };
    if (now - (this.#seen.get(name)?.atMs ?? now) > leaseDurationSeconds * 1000) return undefined;
    return { name: name.replace(/^replica-/, ''), address: holderIdentity };
  }
}
