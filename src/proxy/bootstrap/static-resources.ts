// What a bootstrap configures by itself: clusters and listeners of `static_resources`, secrets, and whether a control plane is to be asked.

import type { Bootstrap } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Cluster } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';

export interface StaticResources {
  readonly clusters: readonly Cluster[];
  readonly listeners: readonly Listener[];
  /** ADS, or any other dynamic source, is configured. */
  readonly dynamic: boolean;
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
}

export function readStaticResources(bootstrap: Bootstrap): StaticResources {
  const { staticResources, dynamicResources, admin } = bootstrap;
  const at = admin?.address?.address;
  return {
    clusters: staticResources?.clusters ?? [],
    listeners: staticResources?.listeners ?? [],
    dynamic: dynamicResources !== undefined,
    adminAddress: at?.case === 'socketAddress' ? { host: at.value.address, port: at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0 } : undefined,
  };
}
