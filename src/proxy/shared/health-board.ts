// What the process says of hosts' health, by cluster and host: one thread checks and ejects, the workers are told.

/** Bits of `Host.unhealthy` that are found out and not configured; undefined: the host is gone. */
export type ToldHealth = number | undefined;

export class HealthBoard {
  readonly #clusters = new Map<string, Map<string, number>>();

  get(cluster: string, host: string): ToldHealth {
    return this.#clusters.get(cluster)?.get(host);
  }

  set(cluster: string, host: string, bits: ToldHealth): void {
    const hosts = this.#clusters.get(cluster);
    if (bits !== undefined) {
      if (hosts === undefined) this.#clusters.set(cluster, new Map([[host, bits]]));
      else hosts.set(host, bits);
    } else if (hosts?.delete(host) === true && hosts.size === 0) this.#clusters.delete(cluster);
  }

  *all(): IterableIterator<readonly [cluster: string, host: string, bits: number]> {
    for (const [cluster, hosts] of this.#clusters) for (const [host, bits] of hosts) yield [cluster, host, bits];
  }
}
