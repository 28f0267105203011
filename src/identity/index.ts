export * from './secret-source.ts';
