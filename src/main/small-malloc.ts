// glibc's settings for every process of a mesh: one arena for all threads, and blocks of 30 kB and more are mapped by
// themselves, so that what V8's compiler took goes back to the system: 25 MB of a proxy under load.
export const SMALL_MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '30000' } as const;
