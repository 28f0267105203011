// Where the tests live that need no socket, clock, process or privilege: they run in one process.
export const PURE_TESTS: readonly string[] = [
  'src/**/*.test.ts',
  'tools/**/*.test.ts',
  'bench/**/*.test.ts',
  'examples/**/*.test.ts',
  'dashboard/core/*.test.ts',
];
