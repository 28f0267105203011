// The command line: one file per command, each told where to read and print.
export * from './context.ts';
export * from './program.ts';
