// Names that lead nowhere: hosts without a service, ports that no service has, Gateways that are not there or without their Secret.
// Findings only, nothing is held back.

import { nearest } from '#base';
import type { ConfigObject, ConfigView, SpecOf } from '#config';
import {
  type Condition,
  condition,
  gatewayName,
  isHttp,
  isWildcard,
  type Service,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';
import { KnownHosts } from './known-hosts.ts';

const MOST_PORTS_SHOWN = 10;

export function checkReferences(
  config: ConfigView,
  services: ServiceIndex,
  virtualServices: VirtualServiceIndex,
): readonly Condition[] {
  const hosts = new KnownHosts(services);
  const connected = hostsOfConnections(hosts, virtualServices);
  return [
    ...destinations(hosts, virtualServices),
    ...config.list('DestinationRule').flatMap((rule) => rulesForNothing(rule, hosts, connected)),
    ...missingGateways(config, virtualServices),
    ...missingSecrets(config),
  ];
}

/** Delegates' routes are told at the delegate, and once, however many delegate to it. */
function destinations(hosts: KnownHosts, virtualServices: VirtualServiceIndex): readonly Condition[] {
  const found: Condition[] = [];
  for (const object of partsOf(virtualServices)) {
    for (const { destination, path, lost } of destinationsOf(object.spec)) {
      const { host, services, near } = hosts.find(destination.host, object.metadata.namespace);
      const effect = `${lost} no cluster`;
      const port = destination.port?.number;
      if (services === undefined)
        found.push(condition('TS-REG-006', object, { path: `${path}.host`, host, effect }, near));
      else if (port !== undefined && services.length > 0 && !hasPort(services, port))
        found.push(
          unknownPort(object, { path: `${path}.port.number`, port, host: destination.host, services, effect }),
        );
    }
  }
  return found;
}

type Routes = SpecOf<'VirtualService'>;
type VirtualServiceObject = ConfigObject<Routes>;
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

/** Of a DestinationRule for several hosts nothing is said: some may have the port. */
function rulesForNothing(
  rule: ConfigObject<SpecOf<'DestinationRule'>>,
  hosts: KnownHosts,
  connected: ReadonlySet<string>,
): readonly Condition[] {
  const { spec, metadata } = rule;
  if (isWildcard(spec.host)) return [];
  const { host, otherNameOf, services, near } = hosts.find(spec.host, metadata.namespace);
  if (otherNameOf !== undefined)
    return [condition('TS-REG-035', rule, { path: 'spec.host', host, service: otherNameOf })];
  if (services === undefined) return [condition('TS-REG-031', rule, { path: 'spec.host', host }, near)];
  if (services.length === 0) return [];
  const effect = 'these settings are in force nowhere';
  const tunnels = connected.has(host) || services.some(({ ports }) => ports.some(({ protocol }) => !isHttp(protocol)));
  const policies = [
    { policy: spec.trafficPolicy, at: 'spec.trafficPolicy' },
    ...(spec.subsets ?? []).map((one, i) => ({ policy: one.trafficPolicy, at: `spec.subsets[${i}].trafficPolicy` })),
  ];
  return policies.flatMap(({ policy, at }) => [
    ...(policy?.portLevelSettings ?? []).flatMap(({ port }, i) =>
      port?.number === undefined || hasPort(services, port.number)
        ? []
        : [
            unknownPort(rule, {
              path: `${at}.portLevelSettings[${i}].port.number`,
              port: port.number,
              host: spec.host,
              services,
              effect,
            }),
          ],
    ),
    ...(policy?.tunnel === undefined || tunnels
      ? []
      : [condition('TS-REG-032', rule, { path: `${at}.tunnel`, host, ports: portsOf(services) })]),
  ]);
}

/** Hosts to which some rule, maybe another host's, sends TCP or TLS. */
function hostsOfConnections(hosts: KnownHosts, virtualServices: VirtualServiceIndex): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { spec, metadata } of partsOf(virtualServices))
    for (const { route } of [...(spec.tls ?? []), ...(spec.tcp ?? [])])
      for (const { destination } of route ?? []) found.add(hosts.find(destination.host, metadata.namespace).host);
  return found;
}

/** Delegates have the gateways of those that delegate to them. */
function missingGateways(config: ConfigView, virtualServices: VirtualServiceIndex): readonly Condition[] {
  return virtualServices.all.flatMap(({ object }) =>
    (object.spec.gateways ?? []).flatMap((written, i) => {
      const gateway = gatewayName(written, object.metadata.namespace);
      const [namespace = '', name = ''] = gateway.split('/');
      if (gateway === 'mesh' || config.get('Gateway', namespace, name) !== undefined) return [];
      const names = config.list('Gateway', namespace).map((one) => one.metadata.name);
      return [condition('TS-REG-033', object, { path: `spec.gateways[${i}]`, gateway }, nearest(name, names))];
    }),
  );
}

function partsOf(virtualServices: VirtualServiceIndex): ReadonlySet<VirtualServiceObject> {
  return new Set(virtualServices.all.flatMap(({ parts }) => parts));
}

function unknownPort(
  object: ConfigObject,
  found: {
    readonly path: string;
    readonly port: number;
    readonly host: string;
    readonly services: readonly Service[];
    readonly effect: string;
  },
): Condition {
  const { path, port, host, services, effect } = found;
  const details = { path, port: String(port), host, ports: portsOf(services), effect };
  return condition('TS-REG-029', object, details);
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
