// All clusters by name; they outlive the snapshots that describe them.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { ProxyServices } from '../services.ts';
import { Cluster } from './cluster.ts';
import { TransportFactory } from './transport-factory.ts';

export class ClusterManager {
  readonly #clusters = new Map<string, Cluster>();
  #services: ProxyServices | undefined = undefined;

  /** Services hold the manager and the manager needs them: tied once, at start. */
  use(services: ProxyServices): void {
    this.#services = services;
  }

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name);
  }

  all(): Iterable<Cluster> {
    return this.#clusters.values();
  }

  set(message: ClusterMessage): Cluster {
    const known = this.#clusters.get(message.name);
    if (known !== undefined) {
      known.update(message);
      return known;
    }
    const services = this.#services as ProxyServices;
    const made = new Cluster(message, services, (cluster, previous) => {
      const next = new TransportFactory(cluster, services);
      previous?.dispose();
      return next;
    });
    this.#clusters.set(message.name, made);
    return made;
  }

  setAssignment(clusterName: string, assignment: ClusterLoadAssignment): void {
    for (const cluster of this.#clusters.values()) {
      if (cluster.settings.edsName === clusterName) cluster.setAssignment(assignment);
    }
  }

  remove(name: string): void {
    this.#clusters.get(name)?.dispose();
    this.#clusters.delete(name);
  }
}
