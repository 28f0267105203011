// What the xDS server asks of the control plane: who may connect, what a proxy gets, and when that changed.
import type { ObjectRef, ProxyNode, ResourceSet, XdsResource } from '#base';
import type { GrpcPeer, Metadata } from '#wire/grpc';

export type Authorization =
  /** `principal` goes into the ProxyNode: 'spiffe://…', or '' where the port needs none. */
  { readonly ok: true; readonly principal: string } | { readonly ok: false; readonly reason: string };

/** The resources of one proxy at one snapshot. */
export interface ProxyResources {
  readonly snapshot: number;
  /**
   * Everything the proxy may ask for. Inner maps are never changed after they were handed out; when
   * a type's resources are the same as at the last call, the same inner map should be returned: the
   * server then skips the type without looking inside.
   */
  readonly resources: ResourceSet;
}

/** What a client subscribes to, for backends that make some resources only when they are asked for. */
export interface Wanted {
  readonly wildcard: boolean;
  readonly names: ReadonlySet<string>;
}

export type SnapshotChange =
  | { readonly kind: 'full'; readonly snapshot: number }
  /** Only these endpoint resources changed: they are sent at once, past the order of a full push. */
  | { readonly kind: 'endpoints'; readonly snapshot: number; readonly names: ReadonlySet<string> };

export interface Rejection {
  readonly node: ProxyNode;
  readonly typeUrl: string;
  readonly snapshot: number;
  /** The resources at fault where the client's text names them, else all of the rejected response. */
  readonly names: readonly string[];
  /** The objects that caused these resources. */
  readonly origins: readonly ObjectRef[];
  /** The client's own words. */
  readonly detail: string;
}

export interface XdsBackend {
  /** Judges the node of a stream's first request against the peer (fail closed). `metadata` carries `authorization`. */
  authorize(node: ProxyNode, peer: GrpcPeer, metadata: Metadata): Authorization | Promise<Authorization>;
  connected?(node: ProxyNode): void;
  /** `ended`: where it came from, and why its stream is over. */
  disconnected?(node: ProxyNode, ended: { readonly peer: string; readonly reason: string }): void;
  /** Number of the current snapshot; only ever grows. */
  snapshot(): number;
  /** What this proxy gets from the current snapshot. `wanted` has an entry for every type it asked for. */
  resources(node: ProxyNode, wanted: ReadonlyMap<string, Wanted>): ProxyResources;
  /** All endpoint resources of the current snapshot for this proxy. */
  endpoints(node: ProxyNode): ReadonlyMap<string, XdsResource>;
  /** Calls `changed` for every new snapshot; the result ends that. */
  subscribe(changed: (change: SnapshotChange) => void): () => void;
  /** Whether a full snapshot can change anything for this proxy; absent = always. */
  concerns?(node: ProxyNode, snapshot: number): boolean;
  rejected?(rejection: Rejection): void;
  /** Istio's HealthInformation from an agent: undefined means healthy, else what is wrong. */
  health?(node: ProxyNode, problem: string | undefined): void;
}
