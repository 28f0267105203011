// The command line: one file per command, each told where to read and print.
export * from './context.ts';
export { knownWords } from './known-words.ts';
export * from './program.ts';
