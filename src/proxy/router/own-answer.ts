// The proxy's own words for a cluster: they count as an endpoint's would (Envoy's chargeUpstreamCode).

import type { LocalReply } from '../http/filter.ts';
import type { CompiledRoute } from '../route/index.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { countStatus } from './count-status.ts';

/** Counts the reply, and says in it how often was tried where the route's responses do. */
export function ownAnswer(
  reply: LocalReply,
  cluster: Cluster,
  route: Pick<CompiledRoute, 'attemptCountInResponse'> | undefined,
  attempts: number,
): LocalReply {
  countStatus(cluster, reply.status);
  if (route?.attemptCountInResponse !== true) return reply;
  const count = ['x-envoy-attempt-count', String(Math.max(1, attempts))] as const;
  return { ...reply, headers: [...(reply.headers ?? []), count] };
}
