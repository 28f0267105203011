export * from './stream-record.ts';
export * from './stats/index.ts';
export * from './istio/index.ts';
