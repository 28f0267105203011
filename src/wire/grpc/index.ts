export * from './status.ts';
export * from './transport.ts';
