// All clusters by name; they outlive the snapshots that describe them. A cluster that nobody called yet is kept as it
// came, some 2 kB with ten endpoints instead of 35: what a mesh of thousands costs a sidecar that calls a few.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { runAtOnce, type Steps, TYPE_URL } from '#base';
import { MalformedProtobuf } from '#proto/light.ts';
import { decodeMessage, undecodable } from '../apply/decode.ts';
import { type KeptAssignment, readKeptAssignment } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import { Cluster } from './cluster.ts';
import { DISCOVERY } from './cluster-settings.ts';
import { TransportFactory } from './transport-factory.ts';

/** Encoded endpoints of a cluster that rests: some 300, read in 2 ms by the request that wakes it. */
const RESTING_BYTES = 32 * 1024;

/** Was made once, so that its settings are known to be good, and is made again when somebody calls it. */
interface Resting {
  readonly bytes: Uint8Array;
  readonly edsName: string;
}

/** Endpoints of one name: to clusters that live as they were read, to those that rest as they came. */
interface Endpoints {
  readonly bytes: Uint8Array;
  /** The next assignment is compared with it. */
  kept: KeptAssignment | undefined;
}

export class ClusterManager {
  readonly #live = new Map<string, Cluster>();
  readonly #resting = new Map<string, Resting>();
  /** Names of clusters: a thousand assignments in one response must not each walk a thousand clusters. */
  readonly #byEdsName = new Map<string, readonly string[]>();
  readonly #endpoints = new Map<string, Endpoints>();
  /** Names for which the server has nothing. */
  readonly #without = new Set<string>();
  #services: ProxyServices | undefined = undefined;

  /** Services hold the manager and the manager needs them: tied once, at start. */
  use(services: ProxyServices): void {
    this.#services = services;
  }

  /** For whoever calls it: wakes it. */
  get(name: string): Cluster | undefined {
    return this.#live.get(name) ?? this.#wake(name);
  }

  /** Gauges of what is counted elsewhere; nothing is to be said of what rests. */
  showGauges(): void {
    for (const cluster of this.#live.values()) cluster.showGauges();
  }

  /** Undefined where it rests, too. */
  live(name: string): Cluster | undefined {
    return this.#live.get(name);
  }

  *names(): Iterable<string> {
    yield* this.#live.keys();
    yield* this.#resting.keys();
  }

  /** To look at: one that rests is put together for as long as it is looked at. */
  *all(): Iterable<Cluster> {
    yield* this.#live.values();
    for (const [name, resting] of [...this.#resting]) {
      const cluster = this.#restore(name, resting, this.#endpointsOf(resting.edsName));
      try {
        yield cluster;
      } finally {
        cluster.dispose();
      }
    }
  }

  /** Names to ask endpoints for. */
  *wantedEndpoints(): Iterable<string> {
    for (const { settings } of this.#live.values()) if (settings.discovery === DISCOVERY.EDS) yield settings.edsName;
    for (const { edsName } of this.#resting.values()) yield edsName;
  }

  /** Of clusters whose endpoints are not known yet. */
  *missingEndpoints(): Iterable<string> {
    for (const { warm, settings } of this.#live.values()) if (!warm) yield settings.edsName;
    for (const { edsName } of this.#resting.values()) if (!this.#hasAnswer(edsName)) yield edsName;
  }

  edsNameOf(name: string): string | undefined {
    return this.#live.get(name)?.settings.edsName ?? this.#resting.get(name)?.edsName;
  }

  isWarm(name: string): boolean {
    const edsName = this.#resting.get(name)?.edsName;
    return edsName === undefined ? this.#live.get(name)?.warm === true : this.#hasAnswer(edsName);
  }

  /** Undefined: it is good, and rests. `bytes`: the message as it came; one without them never rests. */
  set(message: ClusterMessage, bytes?: Uint8Array): Cluster | undefined {
    const { name } = message;
    const before = this.edsNameOf(name);
    const live = this.#live.get(name);
    live?.update(message);
    const cluster = live ?? this.#make(message);
    const { edsName } = cluster.settings;
    const rests = live === undefined && bytes !== undefined && cluster.mayRest && !this.#isLarge(edsName);
    if (rests) {
      cluster.dispose();
      this.#resting.set(name, { bytes, edsName });
    } else {
      this.#resting.delete(name);
      this.#live.set(name, cluster);
    }
    if (before !== edsName) {
      if (before !== undefined) this.#unname(name, before);
      this.#byEdsName.set(edsName, [...(this.#byEdsName.get(edsName) ?? []), name]);
    }
    return rests ? undefined : cluster;
  }

  /** To all clusters that take their endpoints by this name. */
  *setAssignment(edsName: string, bytes: Uint8Array): Steps<void> {
    const kept = yield* this.#read(edsName, bytes, this.#endpoints.get(edsName)?.kept);
    const followers = this.#byEdsName.get(edsName);
    if (followers === undefined) return;
    this.#without.delete(edsName);
    if (bytes.length > RESTING_BYTES) for (const name of followers) this.#wake(name);
    const live = followers.map((name) => this.#live.get(name)).filter((one) => one !== undefined);
    this.#endpoints.set(edsName, { bytes, kept: live.length === 0 ? undefined : kept });
    for (const cluster of live) yield* cluster.setHostsInSteps(kept.specs, kept);
  }

  /** Some cluster takes its endpoints by this name. */
  followsEndpoints(edsName: string): boolean {
    return this.#byEdsName.has(edsName);
  }

  /** The server has nothing of that name: clusters that wait for it wait no longer. */
  withoutAssignment(edsName: string): void {
    const followers = this.#byEdsName.get(edsName) ?? [];
    if (followers.length > 0) this.#without.add(edsName);
    for (const name of followers) {
      const cluster = this.#live.get(name);
      if (cluster?.warm === false) cluster.setHosts([]);
    }
  }

  remove(name: string): void {
    const edsName = this.edsNameOf(name);
    if (edsName === undefined) return;
    this.#unname(name, edsName);
    this.#live.get(name)?.dispose();
    this.#live.delete(name);
    this.#resting.delete(name);
  }

  #hasAnswer(edsName: string): boolean {
    return this.#endpoints.has(edsName) || this.#without.has(edsName);
  }

  #isLarge(edsName: string): boolean {
    return (this.#endpoints.get(edsName)?.bytes.length ?? 0) > RESTING_BYTES;
  }

  #make(message: ClusterMessage): Cluster {
    const services = this.#services as ProxyServices;
    return new Cluster(message, services, (cluster, previous) => {
      const next = new TransportFactory(cluster, services);
      previous?.dispose();
      return next;
    });
  }

  #wake(name: string): Cluster | undefined {
    const resting = this.#resting.get(name);
    if (resting === undefined) return undefined;
    const kept = this.#endpointsOf(resting.edsName);
    const cluster = this.#restore(name, resting, kept);
    this.#resting.delete(name);
    this.#live.set(name, cluster);
    const endpoints = this.#endpoints.get(resting.edsName);
    if (endpoints !== undefined) endpoints.kept = kept;
    return cluster;
  }

  #restore(name: string, { bytes, edsName }: Resting, endpoints: KeptAssignment | undefined): Cluster {
    const cluster = this.#make(decodeMessage<ClusterMessage>(TYPE_URL.cluster, bytes, `cluster "${name}"`));
    if (endpoints !== undefined) cluster.setHosts(endpoints.specs, endpoints);
    else if (this.#without.has(edsName)) cluster.setHosts([]);
    return cluster;
  }

  #endpointsOf(edsName: string): KeptAssignment | undefined {
    const known = this.#endpoints.get(edsName);
    return known === undefined ? undefined : (known.kept ?? runAtOnce(this.#read(edsName, known.bytes, undefined)));
  }

  *#read(edsName: string, bytes: Uint8Array, before: KeptAssignment | undefined): Steps<KeptAssignment> {
    try {
      return yield* readKeptAssignment(bytes, before);
    } catch (error) {
      if (!(error instanceof MalformedProtobuf)) throw error;
      throw undecodable(TYPE_URL.endpoint, `cluster load assignment "${edsName}"`, error);
    }
  }

  #unname(name: string, edsName: string): void {
    const rest = (this.#byEdsName.get(edsName) ?? []).filter((one) => one !== name);
    if (rest.length > 0) {
      this.#byEdsName.set(edsName, rest);
      return;
    }
    this.#byEdsName.delete(edsName);
    this.#endpoints.delete(edsName);
    this.#without.delete(edsName);
  }
}
