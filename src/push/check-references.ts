// Names that lead nowhere: hosts without a service, gateways without their Secret. Findings only, nothing is held back.

import { nearest } from '#base';
import type { ConfigView } from '#config';
import { type Condition, condition, resolveHost, type ServiceIndex, type VirtualServiceIndex } from '#registry';

/** So many different unknown hosts are compared with all names: each snapshot pays for it. */
const MOST_COMPARED = 20;

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
  const near = new Map<string, string | undefined>();
  for (const vs of virtualServices.all) {
    for (const [i, { route, namespace }] of vs.http.entries()) {
      for (const [j, { destination }] of (route.route ?? []).entries()) {
        const host = resolveHost(destination.host, namespace, { domain: services.domain, exists });
        if (exists(host) || coveredByWildcard(host, services)) continue;
        if (!near.has(host) && near.size < MOST_COMPARED) near.set(host, nearestName(host, services));
        const path = `spec.http[${i}].route[${j}].destination.host`;
        const rest = destination.host.replace(/^[^.]*/, '');
        const name = near.get(host);
        found.push(condition('TS-REG-006', vs.object, { path, host }, name === undefined ? name : `${name}${rest}`));
      }
    }
  }
  return found;
}

/** The service of the same namespace, or domain, whose first label is nearest to that of `host`. */
function nearestName(host: string, services: ServiceIndex): string | undefined {
  const dot = host.indexOf('.');
  if (dot < 0) return undefined;
  const rest = host.slice(dot);
  // `revews.shop` is as good as a whole name; `gogle.com` is one.
  const rests = [rest, `${rest.replace(/^(\.[^.]+)\.svc$/, '$1')}.svc.${services.domain}`];
  const names: string[] = [];
  for (const known of services.byHost.keys()) {
    const knownDot = known.indexOf('.');
    if (rests.includes(known.slice(knownDot))) names.push(known.slice(0, knownDot));
  }
  return nearest(host.slice(0, dot), names);
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
