export * from './forbidden-trailers.ts';
export * from './headers.ts';
export * from './stream.ts';
