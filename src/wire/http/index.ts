export * from './headers.ts';
export * from './stream.ts';
