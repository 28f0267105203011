// Bounds of what workers share: one buffer, made once, so that no worker ever waits for another's memory.

/** Breakers, hosts with a limit or outlier detection, and rate limit buckets of one process; above it a worker counts alone. */
export const SHARED_RECORDS_MAX = 65_536;
/** Words (4 bytes) of a record that all workers read and write. */
export const SHARED_CELLS = 8;
/** The longest that one worker waits for another that makes a record, before it looks again. */
export const LOCK_WAIT_MS = 1;
