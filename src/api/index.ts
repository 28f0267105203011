// What the command line and the page read: JSON types, the routes that answer them, the page itself.
export { debugRoutes, type DebugSource } from './debug-routes.ts';
export * from './mesh.ts';
export { apiRoutes } from './routes.ts';
export * from './api-json.ts';
export * from './dashboard-json.ts';
export { proxyLiveRoutes } from './proxy-live.ts';
export { type LongTraffic, prometheusTraffic } from './prometheus-traffic.ts';
export { trafficRoutes } from './traffic-routes.ts';
export type * from './trace-json.ts';
export { readTraceSource, traceRoutes, type TraceSource } from './trace-routes.ts';
export { pageRoutes } from './page-routes.ts';
export { signInRoutes } from './sign-in.ts';
export { ConfigHistory } from './config-history.ts';
export type { EditedMesh, Heeded, TryEdit } from './check-edit.ts';
export { configRoutes, type ConfigTexts, type EditChecks } from './config-routes.ts';
export { logFileOf } from './log-file.ts';
export { logRoutes } from './log-routes.ts';
export * from './authz-json.ts';
export { authzRoutes, type AuthzSource } from './authz-routes.ts';
export { type TapAgent, TapHub } from './tap-hub.ts';
export { type RecentRequest, RecentRequests } from './recent-requests.ts';
export type * from './what-if-json.ts';
export { type WhatIf, whatIfRoutes } from './what-if-routes.ts';
export { tapRoutes } from './tap-routes.ts';
export type { TapRecordJson } from '#telemetry';
export {
  denialWords,
  denyingRule,
  exceededLimit,
  faultWords,
  injectedFault,
  passThroughWords,
  serviceOfHost,
  type Verdict,
  type VerdictCode,
  verdictInTree,
  verdictOf,
} from '#telemetry';
export * from './ca-json.ts';
export type * from './generated-json.ts';
export { generatedRoutes } from './generated-routes.ts';
export { type CaOutcome, caRoutes, type CaSource } from './ca-routes.ts';
