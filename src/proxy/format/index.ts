// Envoy's substitution formats for access logs, headers and local replies.
export * from './format-context.ts';
export * from './header-mutator.ts';
export * from './substitution-format.ts';
export * from './text-format.ts';
