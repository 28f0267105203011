// Bounds of what workers share: one buffer, made once, so that no worker ever waits for another's memory.

/** Rate limit buckets of one process, an equal part for each worker, which forgets old ones to make new ones: clients choose how many. */
export const SHARED_BUCKETS_MAX = 65_536;
/** With buckets, breakers and hosts with a limit or outlier detection, for which as much is left; above it a worker counts alone. */
export const SHARED_RECORDS_MAX = 131_072;
/** Words (4 bytes) of a record that all workers read and write. */
export const SHARED_CELLS = 8;
/** The longest that one worker waits for another that makes a record, before it looks again. */
export const LOCK_WAIT_MS = 1;
