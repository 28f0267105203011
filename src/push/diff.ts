// Which objects differ between two snapshots, and which proxies a change can concern.

import type { ProxyNode } from '#base';
import type { ConfigDiff } from '#config';
import { ENDPOINT_KINDS } from '#registry';

export interface SnapshotDiff {
  /** `objectKey`s added, changed or removed. */
  readonly objects: ReadonlySet<string>;
  /** `serviceKey`s whose endpoints differ. */
  readonly endpoints: ReadonlySet<string>;
  /** False when only endpoints differ: then only endpoint resources can change. */
  readonly configuration: boolean;
}

/** Kinds that concern only proxies of their own namespace, unless they are in the root namespace. */
const LOCAL_KINDS: ReadonlySet<string> = new Set([
  'Sidecar',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'WasmPlugin',
  'MessageLimits',
  'RateLimit',
  'Secret',
]);

const REGISTRY_KINDS: ReadonlySet<string> = new Set(['Service', 'ServiceEntry', 'MeshConfig', ...ENDPOINT_KINDS]);

export function touchesRegistry(keys: Iterable<string>): boolean {
  for (const key of keys) if (REGISTRY_KINDS.has(key.slice(0, key.indexOf('/')))) return true;
  return false;
}

export function isEndpointOnly(keys: Iterable<string>): boolean {
  for (const key of keys) if (!ENDPOINT_KINDS.has(key.slice(0, key.indexOf('/')))) return false;
  return true;
}

export function changedKeys(diff: ConfigDiff): ReadonlySet<string> {
  return new Set([...diff.added, ...diff.changed, ...diff.removed]);
}

/** False only when `proxy` cannot possibly get other resources than before. */
export function concerns(diff: SnapshotDiff, proxy: ProxyNode, rootNamespace: string): boolean {
  if (diff.endpoints.size > 0) return true;
  const namespace = proxy.metadata.NAMESPACE ?? proxy.parsed?.namespace ?? '';
  for (const key of diff.objects) {
    const [kind = '', place = ''] = key.split('/');
    if (!LOCAL_KINDS.has(kind) || place === namespace || place === rootNamespace) return true;
  }
  return false;
}
