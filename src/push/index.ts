// From changes to numbered, consistent snapshots.
export * from './across-snapshot.ts';
export * from './snapshot.ts';
export * from './build-snapshot.ts';
export * from './check-references.ts';
export * from './receiving-mode.ts';
export * from './retain-references.ts';
export * from './diff.ts';
export { readRetained, retainedText } from './referenced-subsets.ts';
export * from './debounce.ts';
export * from './pusher.ts';
export { type PluginModule, PluginModules, pullsAlways } from './plugin-modules.ts';
