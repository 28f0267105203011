// A backend over plain maps, the same resources for every client: the agent's SDS, tests and the simulator.
import { type ProxyNode, TYPE_URL, type XdsResource } from '#base';
import type { GrpcPeer, Metadata } from '#wire/grpc';
import type { Authorization, ProxyResources, Rejection, SnapshotChange, XdsBackend } from './backend.ts';

export class MapBackend implements XdsBackend {
  readonly rejections: Rejection[] = [];
  readonly #authorize: (node: ProxyNode, peer: GrpcPeer, metadata: Metadata) => Authorization;
  readonly #listeners = new Set<(change: SnapshotChange) => void>();
  #types: ReadonlyMap<string, ReadonlyMap<string, XdsResource>> = new Map();
  #snapshot = 0;

  /** Whoever can open the socket may connect, unless told. */
  constructor(
    authorize: (node: ProxyNode, peer: GrpcPeer, metadata: Metadata) => Authorization = () => ({
      ok: true,
      principal: '',
    }),
  ) {
    this.#authorize = authorize;
  }

  /** Puts these resources in place of all of the given types, as one snapshot. */
  set(types: Readonly<Record<string, readonly XdsResource[]>>): number {
    const next = new Map(this.#types);
    for (const [typeUrl, list] of Object.entries(types)) next.set(typeUrl, new Map(list.map((r) => [r.name, r])));
    this.#types = next;
    this.#snapshot++;
    this.#announce({ kind: 'full', snapshot: this.#snapshot });
    return this.#snapshot;
  }

  /** Changes single endpoint resources past the order of a push. */
  setEndpoints(typeUrl: string, list: readonly XdsResource[]): number {
    const map = new Map(this.#types.get(typeUrl));
    for (const resource of list) map.set(resource.name, resource);
    this.#types = new Map(this.#types).set(typeUrl, map);
    this.#snapshot++;
    this.#announce({ kind: 'endpoints', snapshot: this.#snapshot, names: new Set(list.map((r) => r.name)) });
    return this.#snapshot;
  }

  authorize(node: ProxyNode, peer: GrpcPeer, metadata: Metadata): Authorization {
    return this.#authorize(node, peer, metadata);
  }

  snapshot(): number {
    return this.#snapshot;
  }

  resources(): ProxyResources {
    return { snapshot: this.#snapshot, resources: this.#types };
  }

  endpoints(): ReadonlyMap<string, XdsResource> {
    return this.#types.get(TYPE_URL.endpoint) ?? new Map<string, XdsResource>();
  }

  subscribe(changed: (change: SnapshotChange) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  rejected(rejection: Rejection): void {
    this.rejections.push(rejection);
  }

  #announce(change: SnapshotChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
