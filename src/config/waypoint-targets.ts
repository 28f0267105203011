// Policies attached to a Service or a ServiceEntry are a waypoint's to enforce (Istio ambient); without one they are accepted and in force nowhere.

import type { SpecOf } from './model/kinds.ts';
import type { ConfigObject } from './model/object.ts';
import type { ConfigView } from './model/view.ts';

/** Kinds that have targetRefs and may be attached to a service. */
export const TARGETING_KINDS = [
  'AuthorizationPolicy',
  'RequestAuthentication',
  'Telemetry',
  'WasmPlugin',
  'MessageLimits',
  'RateLimit',
] as const;
export type TargetingKind = (typeof TARGETING_KINDS)[number];

/** Reason and message are Istio's, of its condition WaypointAccepted. */
export interface UnboundTarget {
  readonly reason: 'AncestorNotBound' | 'TargetNotFound';
  readonly message: string;
  /** Where the object names it. */
  readonly path: string;
}

/** What the object names and no waypoint serves. No proxy of ours is a waypoint. */
export function unboundTargets(
  view: ConfigView,
  { metadata, spec }: ConfigObject<SpecOf<TargetingKind>>,
): readonly UnboundTarget[] {
  const refs = [
    ...(spec.targetRef === undefined ? [] : [{ ref: spec.targetRef, path: 'spec.targetRef' }]),
    ...(spec.targetRefs ?? []).map((ref, i) => ({ ref, path: `spec.targetRefs[${i}]` })),
  ];
  return refs.flatMap(({ ref: { kind, name }, path }): readonly UnboundTarget[] => {
    if (kind !== 'Service' && kind !== 'ServiceEntry') return [];
    const named = `${kind} ${metadata.namespace}/${name}`;
    const there = view.list(kind, metadata.namespace).some((one) => one.metadata.name === name);
    return there
      ? [{ reason: 'AncestorNotBound', message: `${named} is not bound to a waypoint`, path }]
      : [{ reason: 'TargetNotFound', message: `${named} was not found`, path }];
  });
}
