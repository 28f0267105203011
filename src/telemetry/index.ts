export * from './stream-record.ts';
export * from './stats/index.ts';
export * from './istio/index.ts';
export * from './peer/index.ts';
export * from './graph/index.ts';
export * from './trace/index.ts';
export * from './log/index.ts';
export * from './cel/index.ts';
export { StreamReporter } from './stream-reporter.ts';
