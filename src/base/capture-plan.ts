// What of a pod's traffic is redirected to its proxy: written by injection, applied by the pod's init container or the CNI plugin.

export interface CapturePlan {
  readonly inboundPort: number;
  readonly outboundPort: number;
  readonly proxyUid: number;
  /** '*' is every port. */
  readonly includeInboundPorts: '*' | readonly number[];
  readonly excludeInboundPorts: readonly number[];
  /** CIDRs; '*' is every address. */
  readonly includeOutboundRanges: '*' | readonly string[];
  readonly excludeOutboundRanges: readonly string[];
  /** Redirected whatever their address. */
  readonly includeOutboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  readonly excludeInterfaces: readonly string[];
  /** Interfaces of virtual machines in the pod: what comes from them counts as outbound. */
  readonly virtualInterfaces: readonly string[];
  /** Port of the DNS proxy; undefined leaves DNS alone. */
  readonly dnsPort?: number;
}
