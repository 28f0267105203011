// Listeners that a Sidecar's egress binds to an address of its own: an IP address, or a Unix socket (networking/v1/sidecar.proto, IstioEgressListener).

import type { ObjectRef } from '#base';
import { refOf } from '#config';
import { hostCovers, isHttp, protocolFromName, type Service, type ServicePort, type Sidecar } from '#registry';
import { serviceTable, type TableName } from '../routes/outbound-routes.ts';
import type { Scope } from '../scope.ts';
import type { Listener } from './listener-parts.ts';
import { boundHttpListener, type ListenerPlace, nameOf, serviceListener } from './outbound-listener.ts';

type EgressListener = NonNullable<Sidecar['spec']['egress']>[number];

export interface BoundEgress {
  readonly place: ListenerPlace;
  readonly table: TableName | undefined;
  readonly origin: ObjectRef;
  make(): Listener;
}

export function boundEgress(scope: Scope): readonly BoundEgress[] {
  const { sidecar } = scope;
  if (sidecar === undefined) return [];
  return (sidecar.spec.egress ?? []).flatMap((egress) => {
    const made = (egress.bind ?? '') === '' ? undefined : boundListener(egress, scope);
    return made === undefined ? [] : [{ ...made, origin: refOf(sidecar) }];
  });
}

/** A port of HTTP leads to all hosts that have it, by their name; anything else to the first host. */
function boundListener(egress: EgressListener, scope: Scope): Omit<BoundEgress, 'origin'> | undefined {
  const number = egress.port?.number ?? 0;
  const place: ListenerPlace = { addresses: [egress.bind ?? ''], port: number, bound: true };
  const http = isHttp(protocolFromName(egress.port?.protocol ?? '') ?? 'TCP');
  if (http && number !== 0) {
    const name = nameOf(place);
    const table = { name, port: number, service: undefined, closed: true };
    return { place, table, make: () => boundHttpListener(place, scope, name) };
  }
  const target = firstTarget(egress, number, scope);
  if (target === undefined) return undefined;
  const { service, port } = target;
  const name = serviceTable(service, port.number);
  return {
    place,
    table: http ? { name, port: port.number, service } : undefined,
    make: () => (http ? boundHttpListener(place, scope, name) : serviceListener(place, service, port, scope, name)),
  };
}

/** Of services with the listener's port; behind a socket, which has none, with whatever port. */
function firstTarget(
  { hosts }: EgressListener,
  number: number,
  { services, namespace }: Scope,
): { readonly service: Service; readonly port: ServicePort } | undefined {
  for (const service of services) {
    const port = service.ports.find((one) => number === 0 || one.number === number);
    if (port !== undefined && (hosts ?? []).some((text) => names(text, service, namespace))) return { service, port };
  }
  return undefined;
}

/** `namespace/host`, as a Sidecar of `own` means it. */
function names(text: string, { hostname, namespace }: Service, own: string): boolean {
  const slash = text.indexOf('/');
  const place = text.slice(0, Math.max(0, slash));
  return (place === '*' || (place === '.' ? own : place) === namespace) && hostCovers(text.slice(slash + 1), hostname);
}
