// Bounds of the statistics, with their unit and argument.

/** Named statistics outside blocks; filters make a handful each, so this is far above any honest configuration. */
export const MAX_NAMED_STATS = 20_000;

/** Characters per piece of a rendered page: about 0.3 ms of work, far below the 5 ms that a turn may last. */
export const RENDER_PIECE_CHARS = 16_384;
