// Glue between snapshots, translation and the xDS server: who may connect, what each proxy gets, when it changed.
import type { Clock, Logger, ProxyNode, XdsResource } from '#base';
import { LEAVING } from '#agent';
import { objectKey } from '#config';
import { concerns, type Pusher, type Snapshot, type SnapshotDiff } from '#push';
import {
  authorizeIdentity,
  type Authorization,
  type ProxyResources,
  type Rejection,
  type SnapshotChange,
  type XdsBackend,
} from '#xds';
import type { GrpcPeer, Metadata } from '#wire/grpc';
import { type DiscoveryIdentity, nodeFits } from './discovery-identity.ts';
import type { Translation } from './discovery-translate.ts';
import type { JoinedConfig } from './joined-config.ts';

export interface DiscoveryBackendOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: DiscoveryIdentity;
  readonly pusher: Pusher;
  readonly joined: JoinedConfig;
  readonly translation: Translation;
  readonly rejected: (rejection: Rejection) => void;
}

/** A workload's address as its peers on this machine see it. */
const LOOPBACK = '127.0.0.1';

export class DiscoveryBackend implements XdsBackend {
  readonly #options: DiscoveryBackendOptions;
  readonly #watchers = new Set<(change: SnapshotChange) => void>();
  /** Streams of each workload: two while one proxy takes over from another. */
  readonly #streams = new Map<string, number>();
  #lastDiff: { readonly snapshot: number; readonly diff: SnapshotDiff } | undefined;

  constructor(options: DiscoveryBackendOptions) {
    this.#options = options;
    options.pusher.subscribe((snapshot, diff) => this.#published(snapshot, diff));
  }

  async authorize(node: ProxyNode, peer: GrpcPeer, metadata: Metadata): Promise<Authorization> {
    const caller = await this.#options.identity.caller(peer, metadata);
    if (!caller.ok) return { ok: false, reason: caller.error.message };
    const misfit = nodeFits(caller.value, {
      namespace: node.metadata.NAMESPACE ?? '',
      workload: node.parsed?.workload ?? '',
    });
    if (misfit !== undefined) return { ok: false, reason: misfit.message };
    // A gateway gets the keys that its labels choose.
    const { parsed, metadata: claimed } = node;
    if (parsed !== undefined && parsed.type !== 'sidecar') {
      const gateway = { workload: parsed.workload, labels: claimed.LABELS ?? {} };
      const reason = this.#options.identity.gatewayFault?.(caller.value, gateway);
      if (reason !== undefined) return { ok: false, reason };
    }
    return authorizeIdentity(node, caller.value.spiffeId, true);
  }

  connected(node: ProxyNode): void {
    const { parsed, metadata } = node;
    if (parsed === undefined || metadata.TOPSAIL_CAPTURE === undefined) return;
    const boundPorts = metadata.TOPSAIL_BOUND_PORTS ?? [];
    this.#streams.set(node.id, (this.#streams.get(node.id) ?? 0) + 1);
    this.#options.log.info('a workload joined', {
      workload: parsed.workload,
      namespace: parsed.namespace,
      principal: node.principal,
    });
    const known = this.#options.joined.has(parsed.namespace, parsed.workload);
    this.#options.joined.connected({
      name: parsed.workload,
      namespace: parsed.namespace,
      serviceAccount: metadata.SERVICE_ACCOUNT ?? 'default',
      labels: metadata.LABELS ?? {},
      address: parsed.ip === '' ? LOOPBACK : parsed.ip,
      ports: {},
      boundPorts: parsed.type === 'router' ? gatewayPorts(metadata.TOPSAIL_GATEWAY_PORTS ?? {}) : boundPorts,
      joinedMs: this.#options.clock.wallTime(),
    });
    // A sidecar is up before its application: until that answers, nobody is sent there.
    if (!known && boundPorts.length > 0) this.#setHealth(node, false);
  }

  disconnected(node: ProxyNode, ended: { readonly peer: string; readonly reason: string }): void {
    if (node.parsed === undefined || node.metadata.TOPSAIL_CAPTURE === undefined) return;
    const { namespace, workload } = node.parsed;
    const others = (this.#streams.get(node.id) ?? 1) - 1;
    if (others > 0) return void this.#streams.set(node.id, others);
    this.#streams.delete(node.id);
    this.#options.log.info('a workload left', { workload, namespace, ...ended });
    // Its process is most likely gone: callers leave it out at once. One that lost only us says again that it is well.
    this.#setHealth(node, false);
    this.#options.joined.disconnected(namespace, workload);
  }

  health(node: ProxyNode, error: string | undefined): void {
    if (error === LEAVING && node.parsed !== undefined)
      this.#options.joined.goes(node.parsed.namespace, node.parsed.workload);
    this.#setHealth(node, error === undefined || error === '');
  }

  snapshot(): number {
    return this.#options.pusher.snapshot?.number ?? 0;
  }

  resources(node: ProxyNode): ProxyResources {
    const snapshot = this.#options.pusher.snapshot;
    if (snapshot === undefined) return { snapshot: 0, resources: new Map() };
    return { snapshot: snapshot.number, resources: this.#options.translation.translate(snapshot, node) };
  }

  endpoints(node: ProxyNode): ReadonlyMap<string, XdsResource> {
    const snapshot = this.#options.pusher.snapshot;
    return snapshot === undefined ? new Map() : this.#options.translation.translateEndpoints(snapshot, node);
  }

  subscribe(changed: (change: SnapshotChange) => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  concerns(node: ProxyNode, snapshot: number): boolean {
    const last = this.#lastDiff;
    if (last === undefined || last.snapshot !== snapshot) return true;
    return concerns(last.diff, node, this.#options.pusher.snapshot?.mesh.rootNamespace ?? 'istio-system');
  }

  rejected(rejection: Rejection): void {
    this.#options.rejected(rejection);
  }

  #setHealth(node: ProxyNode, healthy: boolean): void {
    if (node.parsed === undefined) return;
    this.#options.pusher.healthChanged(
      objectKey('WorkloadEntry', node.parsed.namespace, node.parsed.workload),
      healthy,
    );
  }

  #published(snapshot: Snapshot, diff: SnapshotDiff): void {
    this.#lastDiff = { snapshot: snapshot.number, diff };
    const change: SnapshotChange = diff.configuration
      ? { kind: 'full', snapshot: snapshot.number }
      : {
          kind: 'endpoints',
          snapshot: snapshot.number,
          names: this.#options.translation.endpointNames(snapshot, diff.endpoints),
        };
    for (const watcher of [...this.#watchers]) watcher(change);
  }
}

function gatewayPorts(ports: Readonly<Record<string, number>>) {
  return Object.entries(ports).map(([port, boundPort]) => ({ port: Number(port), appPort: boundPort, boundPort }));
}
