// With what every process of a mesh is started, by measurement (docs/performance.md).

/**
 * glibc: one arena for all threads, and blocks of 30 kB and more are mapped by themselves, so that what
 * V8's compiler took goes back to the system: 25 MB of a proxy under load.
 */
export const SMALL_MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '30000' } as const;

/** V8: a small young generation, collected by the thread that filled it; waking others costs more than they help. */
export const SMALL_HEAP: readonly string[] = ['--max-semi-space-size=2', '--no-parallel-scavenge'];
