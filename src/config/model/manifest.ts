// The way back from an object to a manifest, as `get -o yaml`, the stored last good version and the API server have it.

import { kindInfo, type KindName } from './kinds.ts';
import type { ConfigObject } from './object.ts';

export function manifestOf(object: ConfigObject): Record<string, unknown> {
  const info = kindInfo(object.kind as KindName);
  const { metadata, spec } = object;
  const filled = (record: Readonly<Record<string, string>>): boolean => Object.keys(record).length > 0;
  return {
    apiVersion: object.apiVersion,
    kind: info.manifest,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === '' ? {} : { namespace: metadata.namespace }),
      ...(filled(metadata.labels) ? { labels: metadata.labels } : {}),
      ...(filled(metadata.annotations) ? { annotations: metadata.annotations } : {}),
      ...(metadata.creationTimestampMs === 0
        ? {}
        : { creationTimestamp: new Date(metadata.creationTimestampMs).toISOString() }),
      ...(metadata.generation === 0 ? {} : { generation: metadata.generation }),
      ...(metadata.resourceVersion === '' ? {} : { resourceVersion: metadata.resourceVersion }),
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    },
    ...(info.body === 'spec' ? { spec } : (spec as Record<string, unknown>)),
  };
}
