// The names that an agent's DNS answers for its workload, with their virtual addresses (inventory §3.11).

import type { XdsResource } from '#base';
import { NameTableSchema } from '#proto/istio/networking/nds/v1/nds_pb.ts';
import type { Endpoint, ServiceEndpoints } from '#registry';
import { addressesFor, isIpAddress, serviceKey } from '#registry';
import type { Snapshot } from '#push';
import type { TranslationCache } from './cache.ts';
import { type Init, resource } from './encode.ts';
import type { Scope } from './scope.ts';

type Table = NonNullable<Init<typeof NameTableSchema>['table']>;

export const NAME_TABLE = 'nametable';

/** Headless services answer with their endpoints' addresses: without any, endpoints do not matter. */
export function nameTable(scope: Scope, snapshot: Snapshot, cache: TranslationCache): XdsResource {
  const { services } = scope;
  const headless = cache.owned(services, ['headless'], () => ({ some: services.some((one) => one.headless) })).some;
  return headless
    ? cache.owned(snapshot.endpoints, ['nds', services, scope.families], () => makeTable(scope, snapshot))
    : cache.owned(services, ['nds'], () => makeTable(scope, snapshot));
}

function makeTable(scope: Scope, snapshot: Snapshot): XdsResource {
  const table: Table = {};
  for (const service of scope.services) {
    if (service.hostname.startsWith('*') && service.resolution !== 'dynamic-dns') continue;
    const ips = service.headless
      ? addressesFor({ addresses: addressesOf(snapshot.endpoints.get(serviceKey(service))) }, scope.families)
      : service.addresses.filter((address) => !address.includes('/'));
    if (ips.length === 0) continue;
    for (const host of [service.hostname, ...scope.aliases(service)]) {
      const named = host === service.hostname ? service : snapshot.services.byHost.get(host)?.[0];
      table[host] = {
        ips: [...ips],
        registry: service.registry,
        ...(named?.registry === 'Kubernetes' ? { shortname: named.name, namespace: named.namespace } : {}),
      };
    }
  }
  return resource(NameTableSchema, NAME_TABLE, { table }, []);
}

function addressesOf(endpoints: ServiceEndpoints | undefined): readonly string[] {
  const all = new Set<string>();
  for (const list of endpoints?.byPort.values() ?? [])
    for (const e of list as readonly Endpoint[])
      if (e.health === 'healthy')
        for (const address of [e.address, e.secondAddress]) if (isIpAddress(address)) all.add(address);
  return [...all].sort();
}
