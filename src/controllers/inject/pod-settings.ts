// What of a pod's annotation proxy.istio.io/config is wrong, and what has no effect: said when the pod comes, never silently dropped.

import { POD_SETTINGS, POD_SETTINGS_READ, readProxyConfig } from '#config';
import type { Refusal } from './capture-plan.ts';

const FIELD = `metadata.annotations[${POD_SETTINGS}]`;

/** A wrong one would quietly be the mesh's. */
const JUDGED: ReadonlySet<string> = new Set(POD_SETTINGS_READ);
/** The injector and the agent read them, in MeshConfig too. */
const IN_FORCE: ReadonlySet<string> = new Set([
  'concurrency',
  'discoveryAddress',
  'holdApplicationUntilProxyStarts',
  'interceptionMode',
  'proxyMetadata',
]);

/** Says what is refused, and returns what is only warned of. */
export function judgePodSettings(
  settings: Readonly<Record<string, unknown>>,
  refuse: (refusal: Refusal) => void,
): string[] {
  const warnings: string[] = [];
  for (const { path, message, remedy, severity } of readProxyConfig(settings).complaints) {
    const first = /^\w+/.exec(path)?.[0] ?? '';
    const text = `${path}: ${message} ${remedy}`;
    if (severity === 'error' && JUDGED.has(first)) refuse({ field: FIELD, message: text });
    else if (!IN_FORCE.has(first)) warnings.push(`${FIELD} ${text}`);
  }
  return warnings;
}
