// Services, workloads, endpoints and the rules about who sees and gets what.
export * from './kinds.ts';
export * from './model.ts';
export * from './host.ts';
export * from './visibility.ts';
export * from './allocate-address.ts';
export * from './select-protocol.ts';
export * from './convert-service.ts';
export * from './convert-workload.ts';
export * from './service-index.ts';
export * from './endpoint-index.ts';
export * from './registry.ts';
export * from './destination-rules.ts';
export * from './virtual-services.ts';
export * from './peer-authentication.ts';
export * from './policies.ts';
export * from './errors.ts';
export * from './mesh-settings.ts';
