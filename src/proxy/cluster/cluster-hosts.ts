// The live hosts of one cluster: an assignment adds, changes and removes them, health turns them on and off; balancers read `version` to see that something changed.

import { type Clock, runAtOnce, type Steps } from '#base';
import { HEALTH, Host, type HostSpec } from './host.ts';

/** Some 0.05 ms. */
const HOSTS_PER_STEP = 200;

export interface HostPolicy {
  readonly overprovisioning: number;
  readonly weightedHealth: boolean;
}

const DEFAULT_POLICY: HostPolicy = { overprovisioning: 1.4, weightedHealth: false };

export interface HostChanges {
  readonly added: readonly Host[];
  readonly removed: readonly Host[];
}

export class ClusterHosts {
  /** Grows with every change that a balancer must see. */
  version = 0;
  overprovisioning = 1.4;
  weightedHealth = false;
  /** Told when something was found out of a host's health. */
  onHealth: ((host: Host) => void) | undefined = undefined;
  readonly #clock: Clock;
  #hosts: ReadonlyMap<string, Host> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#hosts.size;
  }

  all(): Iterable<Host> {
    return this.#hosts.values();
  }

  get(key: string): Host | undefined {
    return this.#hosts.get(key);
  }

  apply(specs: readonly HostSpec[], policy: HostPolicy = DEFAULT_POLICY): HostChanges {
    return runAtOnce(this.applyInSteps(specs, policy));
  }

  /**
   * Hosts that stay keep their object, and with it health, ejection, counters and pools. The new set is made
   * beside the one in use and takes its place at once.
   */
  *applyInSteps(specs: readonly HostSpec[], policy: HostPolicy = DEFAULT_POLICY): Steps<HostChanges> {
    const before = this.#hosts;
    const next = new Map<string, Host>();
    const hosts: Host[] = [];
    const added: Host[] = [];
    const nowMs = this.#clock.now();
    for (let i = 0; i < specs.length; i += HOSTS_PER_STEP) {
      takeHosts(specs, i, before, { next, hosts, added, nowMs });
      yield;
    }
    const removed: Host[] = [];
    // As many stayed as there were: none can be missing.
    if (next.size - added.length < before.size) {
      let looked = 0;
      for (const [key, host] of before) {
        if (!next.has(key)) removed.push(host);
        if (++looked % HOSTS_PER_STEP === 0) yield;
      }
    }
    yield;
    // Somebody else's set came meanwhile: whoever began last wins, on top of it.
    if (this.#hosts !== before) return yield* this.applyInSteps(specs, policy);
    for (let i = 0; i < hosts.length; i++) this.#change(hosts[i] as Host, specs[i] as HostSpec);
    for (const host of removed) host.removed = true;
    this.#hosts = next;
    this.overprovisioning = policy.overprovisioning;
    this.weightedHealth = policy.weightedHealth;
    this.version++;
    return { added, removed };
  }

  /** Turns one reason for being unhealthy on or off. */
  setUnhealthy(host: Host, reason: (typeof HEALTH)[keyof typeof HEALTH], on: boolean): void {
    const before = host.unhealthy;
    host.unhealthy = on ? before | reason : before & ~reason;
    if (before === host.unhealthy) return;
    if (host.unhealthy === 0) host.warmSinceMs = this.#clock.now();
    this.version++;
    if (reason !== HEALTH.assignment) this.onHealth?.(host);
  }

  #change(host: Host, spec: HostSpec): void {
    if (host.spec === spec) return;
    host.spec = spec;
    host.degraded = spec.status === 'degraded';
    this.setUnhealthy(host, HEALTH.assignment, spec.status === 'unhealthy' || spec.status === 'draining');
  }
}

interface NextHosts {
  readonly next: Map<string, Host>;
  readonly hosts: Host[];
  readonly added: Host[];
  readonly nowMs: number;
}

/** A step's worth, outside of the generator: V8 compiles it better there. */
function takeHosts(
  specs: readonly HostSpec[],
  from: number,
  before: ReadonlyMap<string, Host>,
  { next, hosts, added, nowMs }: NextHosts,
): void {
  const end = Math.min(specs.length, from + HOSTS_PER_STEP);
  for (let i = from; i < end; i++) {
    const spec = specs[i] as HostSpec;
    let host = before.get(spec.key);
    if (host === undefined) added.push((host = new Host(spec, nowMs)));
    next.set(spec.key, host);
    hosts.push(host);
  }
}
