// What the command line and the page read: JSON types, the routes that answer them, the page itself.
export { debugRoutes, type DebugSource } from './debug-routes.ts';
export * from './mesh.ts';
export { apiRoutes } from './routes.ts';
export * from './api-json.ts';
export * from './dashboard-json.ts';
export { trafficRoutes } from './traffic-routes.ts';
export { pageRoutes } from './page-routes.ts';
export { signInRoutes } from './sign-in.ts';
export { ConfigHistory } from './config-history.ts';
export { configRoutes, type ConfigTexts } from './config-routes.ts';
export { logRoutes } from './log-routes.ts';
export * from './authz-json.ts';
export { authzRoutes, type AuthzSource } from './authz-routes.ts';
export { type TapAgent, TapHub } from './tap-hub.ts';
export { tapRoutes } from './tap-routes.ts';
export type { TapRecordJson } from '#telemetry';
