export * from './server/backend.ts';
export * from './client/types.ts';
