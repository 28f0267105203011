// Configuration: from text to validated, frozen objects.

export * from './model/index.ts';
export * from './analyze/index.ts';
export * from './errors.ts';
export { BALANCER_ANNOTATION, DENIED_BY_ANNOTATION, OWNERSHIP_ANNOTATION } from './mesh-annotations.ts';
export * from './parse/index.ts';
export * from './source/index.ts';
export * from './store/index.ts';
export * from './validate/index.ts';
export { TARGETING_KINDS, unboundTargets } from './waypoint-targets.ts';
export type { TargetingKind, UnboundTarget } from './waypoint-targets.ts';
