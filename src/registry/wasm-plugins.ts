// The WasmPlugins of one proxy, in the order in which their filters stand within a phase, and the traffic that each is for.

import type { ConfigView } from '#config';
import type { WasmPlugin } from './kinds.ts';
import { isForWorkload, placesOf, type ProxyIdentity } from './policies.ts';

/** Higher priority first; equal ones by namespace and name. */
export function wasmPluginsOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): readonly WasmPlugin[] {
  return placesOf(proxy, rootNamespace)
    .flatMap((place) =>
      view
        .list('WasmPlugin', place)
        .filter((plugin) => isForWorkload(plugin.spec, plugin.metadata.namespace, proxy, rootNamespace)),
    )
    .sort((a, b) => (b.spec.priority ?? 0) - (a.spec.priority ?? 0) || (a.key < b.key ? -1 : 1));
}

/** The traffic that a plugin is for in one direction: none, all, or some ports (of the service or workload that is called). */
export type PluginTraffic = 'none' | 'all' | readonly number[];

export function pluginTraffic({ spec }: WasmPlugin, mode: 'CLIENT' | 'SERVER'): PluginTraffic {
  const match = spec.match ?? [];
  if (match.length === 0) return 'all';
  const ports = new Set<number>();
  for (const one of match) {
    const direction = one.mode ?? 'CLIENT_AND_SERVER';
    // UNDEFINED is how an unset mode is written out: both, as for a match that names ports only.
    if (direction !== 'CLIENT_AND_SERVER' && direction !== 'UNDEFINED' && direction !== mode) continue;
    if ((one.ports ?? []).length === 0) return 'all';
    for (const { number } of one.ports ?? []) ports.add(number);
  }
  return ports.size === 0 ? 'none' : [...ports].sort((a, b) => a - b);
}
