// Bounds of what an agent keeps for the Envoy beside it, with their unit and argument.

/** TCP connections that are counted while they live, about 1 kB each; what is beyond is counted at its end. */
export const MAX_LIVE_CONNECTIONS = 10_000;

/** A connection that Envoy said nothing of for so many intervals, and this long besides, counts as closed. */
export const SILENT_INTERVALS = 4;
export const SILENT_CONNECTION_MS = 60_000;
