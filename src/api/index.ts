// What the command line and the page read: JSON types, the routes that answer them, the page itself.
export { debugRoutes, type DebugSource } from './debug-routes.ts';
export * from './mesh.ts';
export { apiRoutes } from './routes.ts';
export * from './api-json.ts';
