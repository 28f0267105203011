// Names that lead nowhere: hosts without a service, gateways without their Secret. Findings only, nothing is held back.

import type { ConfigView } from '#config';
import { type Condition, condition, resolveHost, type ServiceIndex, type VirtualServiceIndex } from '#registry';

export function checkReferences(
  config: ConfigView,
  services: ServiceIndex,
  virtualServices: VirtualServiceIndex,
): readonly Condition[] {
  return [...unknownHosts(services, virtualServices), ...missingSecrets(config)];
}

function unknownHosts(services: ServiceIndex, virtualServices: VirtualServiceIndex): readonly Condition[] {
  const found: Condition[] = [];
  const exists = (host: string): boolean => services.byHost.has(host);
  for (const vs of virtualServices.all) {
    for (const [i, { route, namespace }] of vs.http.entries()) {
      for (const [j, { destination }] of (route.route ?? []).entries()) {
        const host = resolveHost(destination.host, namespace, { domain: services.domain, exists });
        if (exists(host) || coveredByWildcard(host, services)) continue;
        found.push(condition('TS-REG-006', vs.object, { path: `spec.http[${i}].route[${j}].destination.host`, host }));
      }
    }
  }
  return found;
}

function coveredByWildcard(host: string, services: ServiceIndex): boolean {
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
    if (services.byHost.has(`*${host.slice(dot)}`)) return true;
  return false;
}

function missingSecrets(config: ConfigView): readonly Condition[] {
  const names = new Set(config.list('Secret').map((secret) => secret.metadata.name));
  const found: Condition[] = [];
  for (const gateway of config.list('Gateway')) {
    for (const [i, server] of (gateway.spec.servers ?? []).entries()) {
      const { credentialName, credentialNames } = server.tls ?? {};
      for (const secret of credentialNames ??
        (credentialName === undefined || credentialName === '' ? [] : [credentialName])) {
        if (!names.has(secret))
          found.push(
            condition('TS-REG-007', gateway, {
              path: `spec.servers[${i}].tls.credentialName`,
              secret,
              port: String(server.port.number),
            }),
          );
      }
    }
  }
  return found;
}
