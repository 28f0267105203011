// Route configurations, compiled.
export * from './compiled.ts';
export { stripPort } from './domain-table.ts';
export { hashRequest, readCookie } from './hash-policy.ts';
export type { RouteOptions } from './options.ts';
export { isGrpc } from './route-match.ts';
export { RouteTable } from './route-table.ts';
export type { CompiledVirtualHost } from './virtual-host.ts';
