// What configuration is: kinds, their specs, objects, views and complaints.

export * from './authorization-policy.ts';
export * from './complaint.ts';
export * from './core.ts';
export { crdOf } from './crd.ts';
export * from './destination-rule.ts';
export * from './duration.ts';
export * from './extension-provider.ts';
export * from './extensions.ts';
export * from './force.ts';
export * from './gateway.ts';
export * from './json-schema.ts';
export * from './kinds.ts';
export * from './manifest.ts';
export * from './mesh-config.ts';
export * from './object.ts';
export * from './peer-authentication.ts';
export * from './proxy-config.ts';
export * from './request-authentication.ts';
export * from './service-entry.ts';
export * from './shape.ts';
export * from './shared.ts';
export * from './sidecar.ts';
export * from './telemetry.ts';
export * from './view.ts';
export * from './virtual-service.ts';
export * from './workload-entry.ts';
export * from './workload-group.ts';
