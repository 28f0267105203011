// SPIFFE identities: of a service's endpoints, as its clients must verify them.

import type { Endpoint, MeshSettings, Service, ServiceEndpoints } from '#registry';

export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount === '' ? 'default' : serviceAccount}`;
}

function trustDomains(mesh: MeshSettings): readonly string[] {
  return [...new Set([mesh.trustDomain, ...mesh.trustDomainAliases])];
}

/** Identities that the endpoints of one port may show, with every alias of the trust domain, sorted. */
export function endpointIdentities(
  mesh: MeshSettings,
  service: Service,
  endpoints: readonly Endpoint[],
): readonly string[] {
  const found = new Set<string>(service.subjectAltNames);
  for (const endpoint of endpoints) {
    for (const domain of trustDomains(mesh)) found.add(spiffeId(domain, endpoint.namespace, endpoint.serviceAccount));
  }
  return [...found].sort();
}

/** For a service whose endpoints are not known yet. */
export function namespacePrefixes(mesh: MeshSettings, namespace: string): readonly string[] {
  return trustDomains(mesh).map((domain) => `spiffe://${domain}/ns/${namespace}/sa/`);
}

export function endpointsOfPort(endpoints: ServiceEndpoints | undefined, port: number): readonly Endpoint[] {
  return endpoints?.byPort.get(port) ?? [];
}
