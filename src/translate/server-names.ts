// Which TLS server names a VirtualService's `tls` rules may take: those of its hosts that are in force, no others (inventory §3.3, §3.8).

import { narrowerHost, type ResolvedVirtualService, sameHost } from '#registry';
import type { Scope } from './scope.ts';

/** A name beyond `hosts` is left out, a pattern wider than one of them becomes that one: hosts may be fewer than the object's text says. */
export function serverNamesWithin(
  sniHosts: readonly string[],
  hosts: readonly string[],
  { namespace }: Pick<ResolvedVirtualService, 'namespace'>,
  scope: Pick<Scope, 'resolve'>,
): readonly string[] {
  const names = new Set<string>();
  for (const sni of sniHosts) {
    // Hosts are compared as they are completed, but clients say what is written.
    const full = scope.resolve(sni, namespace);
    for (const host of hosts) {
      const narrow = narrowerHost(host, full);
      if (narrow !== undefined) names.add(narrow === full ? sameHost(sni) : narrow);
    }
  }
  return [...names];
}
