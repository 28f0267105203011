export * from './stream-record.ts';
