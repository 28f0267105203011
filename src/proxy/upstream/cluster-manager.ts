// All clusters by name; they outlive the snapshots that describe them.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { type Steps, TYPE_URL } from '#base';
import { MalformedProtobuf } from '#proto/light.ts';
import { undecodable } from '../apply/decode.ts';
import { type KeptAssignment, readKeptAssignment } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import { Cluster } from './cluster.ts';
import { TransportFactory } from './transport-factory.ts';

export class ClusterManager {
  readonly #clusters = new Map<string, Cluster>();
  /** A thousand assignments in one response must not each walk a thousand clusters. */
  readonly #byEdsName = new Map<string, Set<Cluster>>();
  /** What the endpoints of followed names were read from: the next assignment is compared with it. */
  readonly #assignments = new Map<string, KeptAssignment>();
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
      const before = known.settings.edsName;
      known.update(message);
      if (known.settings.edsName !== before) {
        this.#unname(known, before);
        this.#name(known);
      }
      return known;
    }
    const services = this.#services as ProxyServices;
    const made = new Cluster(message, services, (cluster, previous) => {
      const next = new TransportFactory(cluster, services);
      previous?.dispose();
      return next;
    });
    this.#clusters.set(message.name, made);
    this.#name(made);
    return made;
  }

  /** To all clusters that take their endpoints by this name. */
  *setAssignment(edsName: string, bytes: Uint8Array): Steps<void> {
    let assignment: KeptAssignment;
    try {
      assignment = yield* readKeptAssignment(bytes, this.#assignments.get(edsName));
    } catch (error) {
      if (!(error instanceof MalformedProtobuf)) throw error;
      throw undecodable(TYPE_URL.endpoint, `cluster load assignment "${edsName}"`, error);
    }
    const followers = this.#byEdsName.get(edsName);
    if (followers === undefined) return;
    this.#assignments.set(edsName, assignment);
    for (const cluster of [...followers]) yield* cluster.setHostsInSteps(assignment.specs, assignment);
  }

  /** Some cluster takes its endpoints by this name. */
  followsEndpoints(edsName: string): boolean {
    return this.#byEdsName.has(edsName);
  }

  /** The server has nothing of that name: clusters that wait for it wait no longer. */
  withoutAssignment(edsName: string): void {
    for (const cluster of this.#byEdsName.get(edsName) ?? []) if (!cluster.warm) cluster.setHosts([]);
  }

  remove(name: string): void {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return;
    this.#unname(cluster, cluster.settings.edsName);
    cluster.dispose();
    this.#clusters.delete(name);
  }

  #name(cluster: Cluster): void {
    const { edsName } = cluster.settings;
    const named = this.#byEdsName.get(edsName);
    if (named === undefined) this.#byEdsName.set(edsName, new Set([cluster]));
    else named.add(cluster);
  }

  #unname(cluster: Cluster, edsName: string): void {
    const named = this.#byEdsName.get(edsName);
    named?.delete(cluster);
    if (named?.size !== 0) return;
    this.#byEdsName.delete(edsName);
    this.#assignments.delete(edsName);
  }
}
