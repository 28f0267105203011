// Names that lead nowhere: hosts without a service, ports that no service has, gateways without their Secret. Findings only, nothing is
// held back.

import { nearest } from '#base';
import type { ConfigView, SpecOf } from '#config';
import {
  type Condition,
  condition,
  isWildcard,
  resolveHost,
  type Service,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';

/** So many different unknown hosts are compared with all names: each snapshot pays for it. */
const MOST_COMPARED = 20;
const MOST_PORTS_SHOWN = 10;

export function checkReferences(
  config: ConfigView,
  services: ServiceIndex,
  virtualServices: VirtualServiceIndex,
): readonly Condition[] {
  return [
    ...destinations(services, virtualServices),
    ...unknownPortSettings(config, services),
    ...missingSecrets(config),
  ];
}

/** Delegates' routes are told at the delegate, and once, however many delegate to it. */
function destinations(services: ServiceIndex, virtualServices: VirtualServiceIndex): readonly Condition[] {
  const found: Condition[] = [];
  const exists = (host: string): boolean => services.byHost.has(host);
  const near = new Map<string, string | undefined>();
  for (const object of new Set(virtualServices.all.flatMap(({ parts }) => parts))) {
    for (const { destination, path, lost } of destinationsOf(object.spec)) {
      const host = resolveHost(destination.host, object.metadata.namespace, { domain: services.domain, exists });
      const known = services.byHost.get(host);
      if (known !== undefined) {
        const port = destination.port?.number;
        if (port !== undefined && !hasPort(known, port))
          found.push(
            condition('TS-REG-029', object, {
              path: `${path}.port.number`,
              port: String(port),
              host: destination.host,
              ports: portsOf(known),
              effect: `${lost} no cluster`,
            }),
          );
        continue;
      }
      if (coveredByWildcard(host, services)) continue;
      if (!near.has(host) && near.size < MOST_COMPARED) near.set(host, nearestName(host, services));
      const rest = destination.host.replace(/^[^.]*/, '');
      const name = near.get(host);
      const details = { path: `${path}.host`, host, effect: `${lost} no cluster` };
      found.push(condition('TS-REG-006', object, details, name === undefined ? name : `${name}${rest}`));
    }
  }
  return found;
}

type Routes = SpecOf<'VirtualService'>;
type Destination = NonNullable<NonNullable<Routes['tcp']>[number]['route']>[number]['destination'];

interface Written {
  readonly destination: Destination;
  readonly path: string;
  /** What is lost where it leads nowhere, and the verb. */
  readonly lost: string;
}

function* destinationsOf(spec: Routes): Iterable<Written> {
  for (const [i, route] of (spec.http ?? []).entries()) {
    const at = `spec.http[${i}]`;
    for (const [j, { destination }] of (route.route ?? []).entries())
      yield { destination, path: `${at}.route[${j}].destination`, lost: 'requests to it find' };
    if (route.mirror !== undefined)
      yield { destination: route.mirror, path: `${at}.mirror`, lost: 'copies of requests find' };
    for (const [j, { destination }] of (route.mirrors ?? []).entries())
      yield { destination, path: `${at}.mirrors[${j}].destination`, lost: 'copies of requests find' };
  }
  for (const kind of ['tls', 'tcp'] as const)
    for (const [i, route] of (spec[kind] ?? []).entries())
      for (const [j, { destination }] of (route.route ?? []).entries())
        yield { destination, path: `spec.${kind}[${i}].route[${j}].destination`, lost: 'connections to it find' };
}

/** Of a DestinationRule for several hosts some may have the port. */
function unknownPortSettings(config: ConfigView, services: ServiceIndex): readonly Condition[] {
  const found: Condition[] = [];
  const exists = (host: string): boolean => services.byHost.has(host);
  for (const object of config.list('DestinationRule')) {
    const { spec, metadata } = object;
    if (isWildcard(spec.host)) continue;
    const policies = [
      { policy: spec.trafficPolicy, at: 'spec.trafficPolicy' },
      ...(spec.subsets ?? []).map((one, i) => ({ policy: one.trafficPolicy, at: `spec.subsets[${i}].trafficPolicy` })),
    ].filter(({ policy }) => policy?.portLevelSettings !== undefined);
    if (policies.length === 0) continue;
    const known = services.byHost.get(resolveHost(spec.host, metadata.namespace, { domain: services.domain, exists }));
    if (known === undefined) continue;
    for (const { policy, at } of policies)
      for (const [i, { port }] of (policy?.portLevelSettings ?? []).entries())
        if (port?.number !== undefined && !hasPort(known, port.number))
          found.push(
            condition('TS-REG-029', object, {
              path: `${at}.portLevelSettings[${i}].port.number`,
              port: String(port.number),
              host: spec.host,
              ports: portsOf(known),
              effect: 'these settings are in force nowhere',
            }),
          );
  }
  return found;
}

/** Several namespaces may have the host: which one is meant depends on the client. */
function hasPort(services: readonly Service[], wanted: number): boolean {
  return services.some(({ ports }) => ports.some(({ number }) => number === wanted));
}

function portsOf(services: readonly Service[]): string {
  const all = [...new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)))].sort((a, b) => a - b);
  const shown = all.slice(0, MOST_PORTS_SHOWN).join(', ');
  return all.length === 0 ? 'it has none' : all.length > MOST_PORTS_SHOWN ? `${shown}, …` : shown;
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
