// Parts of statuses: whether one is there already, and a Service's addresses.
import type { KubeObject } from '#kube';

/** What we would write is there already, whatever else is. */
export function sameStatus(present: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return present === wanted;
  if (typeof present !== 'object' || present === null) return false;
  if (Array.isArray(wanted))
    return (
      Array.isArray(present) &&
      present.length === wanted.length &&
      wanted.every((one, i) => sameStatus(present[i], one))
    );
  return Object.entries(wanted).every(([key, value]) => sameStatus((present as Record<string, unknown>)[key], value));
}

/** Where the Service can be reached from; inside the cluster at least. */
export function addressesOf(object: KubeObject): readonly string[] {
  const { ingress } = ((
    object['status'] as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined
  )?.loadBalancer ?? {}) as { ingress?: { ip?: string; hostname?: string }[] };
  const outside = (ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').filter((one) => one !== '');
  if (outside.length > 0) return outside;
  const { type, clusterIP, externalIPs } = (object['spec'] ?? {}) as {
    type?: string;
    clusterIP?: string;
    externalIPs?: string[];
  };
  if (externalIPs !== undefined && externalIPs.length > 0) return externalIPs;
  return type !== 'LoadBalancer' && clusterIP !== undefined && clusterIP !== 'None' ? [clusterIP] : [];
}
