// The configuration in force, and what keeps it so.

export * from './config-store.ts';
export * from './edited-view.ts';
export { viewOf } from './frozen-view.ts';
export * from './last-good.ts';
