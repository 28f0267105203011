// What cli.ts and dump-processes.ts know of each other; both are loaded without the other.

/** The program's first argument in a process that renders a dump; no command of users. */
export const RENDER_DUMP = 'render-config-dump';
