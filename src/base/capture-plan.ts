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
  /** Inbound by TPROXY: the application sees its clients' addresses. */
  readonly transparent?: true;
  /** Port of the DNS proxy; undefined leaves DNS alone. */
  readonly dnsPort?: number;
}

/** On pods whose capture the CNI plugin applies, beside Istio's annotations that say what is captured. */
export const CAPTURE_ANNOTATION = 'topsail.io/capture';
/** Its value: with DNS, or without. */
export const CAPTURE_KINDS = { plain: 'cni', dns: 'cni,dns' } as const;
/** The container that checks the redirection which the CNI plugin has applied: Istio's name. */
export const VALIDATION_CONTAINER = 'istio-validation';
/** How it ends when nothing redirects: Istio's, which its repair looks for, too. */
export const CAPTURE_MISSING_STATUS = 126;
