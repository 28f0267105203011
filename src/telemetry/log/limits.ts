// Bounds of the access log's writers, with their unit and argument.

/** Characters that are joined before a write: one system call per few hundred lines. */
export const BLOCK_CHARS = 65_536;

/** Bytes beside a block for its last line: longer ones make the buffer grow. */
export const SPARE_BYTES = 4_096;

/** Characters that may wait for a slow file or pipe; beyond it lines are dropped and counted. About 20,000 lines. */
export const MAX_QUEUED_CHARS = 4_194_304;

/** Envoy's `--file-flush-interval-msec` is 10 s; a mesh on one machine wants to see its lines sooner. */
export const DEFAULT_FLUSH_MS = 1_000;
