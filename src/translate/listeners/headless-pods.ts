// The addresses of headless services' pods, at which their ports are listened for one by one: two such services of one port
// have nothing else by which a connection is told to be the one's or the other's (inventory §3.3).

import type { Snapshot } from '#push';
import { fits, isHttp, isIpAddress, type Service, serviceKey } from '#registry';
import type { TranslationCache } from '../cache.ts';
import type { Scope } from '../scope.ts';

export interface HeadlessPods {
  /** Equal for equal addresses. */
  readonly text: string;
  of(service: Service): readonly string[];
}

const NONE: HeadlessPods = { text: '', of: () => [] };

/** Also of those that are not ready: a connection that is there outlives a probe that fails. */
export function headlessPods(scope: Scope, snapshot: Snapshot, cache: TranslationCache): HeadlessPods {
  const { services } = scope;
  const { chosen } = cache.owned(services, ['headless pods'], () => ({
    chosen: services.filter(({ headless, ports }) => headless && ports.some((port) => !isHttp(port.protocol))),
  }));
  if (chosen.length === 0) return NONE;
  return cache.owned(snapshot.endpoints, ['headless pods', services, scope.families], () => {
    const found = new Map(chosen.map((service) => [service, addressesOf(service, scope, snapshot)]));
    const text = [...found].map(([service, addresses]) => `${serviceKey(service)} ${addresses.join(' ')}`).join(',');
    return { text, of: (service) => found.get(service) ?? [] };
  });
}

function addressesOf(service: Service, { families }: Scope, { endpoints }: Snapshot): readonly string[] {
  const all = new Set<string>();
  for (const list of endpoints.get(serviceKey(service))?.byPort.values() ?? [])
    for (const { address, secondAddress } of list)
      for (const one of [address, secondAddress]) if (isIpAddress(one) && fits(one, families)) all.add(one);
  return [...all].sort();
}
