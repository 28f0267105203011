// A connected xDS client as the control plane knows it: decoded once from the first request of its stream.

import type { NodeId, NodeMetadata } from './node-metadata.ts';

export interface ProxyNode {
  /** The node id text; unique among connected proxies of one mesh. */
  readonly id: string;
  /** Undefined for clients whose id is not Istio's form (plain gRPC clients). */
  readonly parsed: NodeId | undefined;
  readonly cluster: string;
  readonly metadata: Partial<NodeMetadata>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly userAgent: string;
  /** From the verified client certificate or token: 'spiffe://…'; '' on the plaintext port. */
  readonly principal: string;
}
