// Ports that policies name and that no workload they select has: a Service's port in the place of the workload's own, most often.
// Told of the endpoints of this moment.

import type { ConfigView } from '#config';
import { type Condition, condition } from './errors.ts';
import { LabelIndex } from './label-index.ts';
import type { AuthorizationPolicy, PeerAuthentication } from './kinds.ts';
import type { Endpoint } from './model.ts';
import { reachOf } from './reach.ts';
import type { RegistryView } from './registry.ts';

interface NamedPort {
  readonly port: number;
  readonly path: string;
  readonly effect: string;
}

/** Of who has no endpoints nothing is said, and nothing where Sidecars declare ports too. */
export function idlePorts(config: ConfigView, registry: RegistryView, rootNamespace: string): readonly Condition[] {
  const policies = [
    ...config.list('PeerAuthentication').map((object) => ({ object, named: modesOf(object.spec) })),
    ...config.list('AuthorizationPolicy').map((object) => ({ object, named: rulePortsOf(object.spec) })),
  ].filter(({ named }) => named.length > 0);
  if (policies.length === 0 || config.list('Sidecar').some(({ spec }) => (spec.ingress ?? []).length > 0)) return [];
  const endpoints = new LabelIndex<Endpoint>([...everyEndpoint(registry)]);
  return policies.flatMap(({ object, named }) => {
    const { choices } = reachOf(object, rootNamespace);
    const ports = new Set(
      choices.flatMap((choice) => endpoints.chosenBy(choice).map(({ declaredPort }) => declaredPort)),
    );
    if (ports.size === 0) return [];
    const shown = [...ports].sort((a, b) => a - b).join(', ');
    return named
      .filter(({ port }) => !ports.has(port))
      .map(({ port, path, effect }) =>
        condition('TS-REG-034', object, { path, port: String(port), ports: shown, effect }),
      );
  });
}

function modesOf({ portLevelMtls }: PeerAuthentication['spec']): readonly NamedPort[] {
  return Object.keys(portLevelMtls ?? {}).map((port) => ({
    port: Number(port),
    path: `spec.portLevelMtls.${port}`,
    effect: 'its mode is in force nowhere',
  }));
}

function rulePortsOf({ rules }: AuthorizationPolicy['spec']): readonly NamedPort[] {
  return (rules ?? []).flatMap(({ to }, i) =>
    (to ?? []).flatMap(({ operation }, j) =>
      (operation?.ports ?? []).map((port, k) => ({
        port: Number(port),
        path: `spec.rules[${i}].to[${j}].operation.ports[${k}]`,
        effect: 'no request to a declared port matches it',
      })),
    ),
  );
}

function* everyEndpoint({ endpoints }: RegistryView): Iterable<Endpoint> {
  for (const { byPort } of endpoints.values()) for (const list of byPort.values()) yield* list;
}
