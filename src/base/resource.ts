// A named, encoded, versioned xDS resource: the only thing that translation hands to the xDS server.

/** Points at the configuration object that caused something. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface XdsResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The encoded message (not the Any around it). Shared between proxies whose inputs are equal: never changed. */
  readonly bytes: Uint8Array;
  /** Hash of `bytes`; equal bytes have equal versions. */
  readonly version: string;
  /** The objects at whose door a rejection of this resource is laid (design 6). */
  readonly origins: readonly ObjectRef[];
}

export const TYPE_URL = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  extensionConfig: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  nameTable: 'type.googleapis.com/istio.networking.nds.v1.NameTable',
} as const;

export type TypeUrl = (typeof TYPE_URL)[keyof typeof TYPE_URL];

/** Everything one proxy may ask for, by type and name. */
export type ResourceSet = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;
