// xDS v3: the server that the control plane feeds, and the client of the proxy and agent.
export * from './client/xds-batch.ts';
export * from './client/xds-client.ts';
export * from './codec/messages.ts';
export { encodeDeltaRequest } from './codec/request.ts';
export type { XdsVariant } from './codec/response.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './server/backend.ts';
export { MapBackend } from './server/map-backend.ts';
export { authorizeIdentity, authorizeNode, type NodeIdentityOptions } from './server/node-identity.ts';
export { registerClientStatus } from './server/client-status.ts';
export * from './server/server.ts';
export * from './server/status.ts';
export * from './services.ts';
export { CONVERGENCE_BOUNDS, type PushCounts } from './server/push-counts.ts';
