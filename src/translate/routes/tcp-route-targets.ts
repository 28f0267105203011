// The clusters that a rule of a VirtualService's `tcp` or `tls` sends connections to.

import { type TcpTarget, tcpTarget } from '../filters/tcp-proxy.ts';
import { BLACK_HOLE } from '../names.ts';
import type { Scope } from '../scope.ts';
import { targetOf } from './virtual-host.ts';

interface WeightedDestination {
  readonly destination: Parameters<typeof targetOf>[0];
  readonly weight?: number;
}

/** At least one: a rule without destinations ends its connections. `namespace` completes short names, `port` is the listener's. */
export function tcpRouteTargets(
  route: readonly WeightedDestination[] | undefined,
  namespace: string,
  port: number,
  scope: Scope,
): readonly [TcpTarget, ...TcpTarget[]] {
  const [first, ...others] = (route ?? [])
    .filter((one, _, all) => all.length === 1 || (one.weight ?? 0) > 0)
    .map((one) => tcpTarget(targetOf(one.destination, namespace, port, scope), one.weight));
  return first === undefined ? [{ cluster: BLACK_HOLE, weight: 1 }] : [first, ...others];
}
