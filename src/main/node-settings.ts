// With what every process of a mesh is started, by measurement (docs/performance.md).

/**
 * glibc: one arena for all threads, and blocks of 30 kB and more are mapped by themselves, so that what
 * V8's compiler took goes back to the system: 25 MB of a proxy under load. What is free at the heap's end goes back
 * too: the read buffer of 64 kB that Node gives each TLS connection, and hardly fills, is cut from fresh pages then,
 * not from those that a handshake had written to.
 */
export const SMALL_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '30000',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_TOP_PAD_: '0',
} as const;

/**
 * V8: a small young generation, collected by the thread that filled it; waking others costs more than they help.
 * And one thread that compiles and marks beside it, not four: where cores are few, those take them from the traffic
 * for ten milliseconds at a time while all of the heap is marked. The heap grows by half of what is alive before it is
 * marked again: after a burst V8 would let it grow to four times of it, which is memory, and longer marking.
 */
export const SMALL_HEAP: readonly string[] = [
  '--max-semi-space-size=2',
  '--no-parallel-scavenge',
  '--v8-pool-size=1',
  '--heap-growing-percent=50',
];
