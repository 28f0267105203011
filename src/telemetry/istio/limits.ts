// Bounds of Istio's metrics in one proxy, with their unit and argument: peers choose hosts, codes and
// metadata, so none of them may grow the process.

/** Label tuples without code and flags. A workload that talks to 500 others in both roles needs 1,000. */
export const MAX_EDGES = 1_000;

/** Response tuples (edge, code, gRPC status, flags), 0.5 kB each: 2 MB, and 170 MB of text in a scrape at worst. */
export const MAX_RESPONSE_SERIES = 4_000;

/** Entries of the identity index, a mere cache over the edges; it is cleared when it is full. */
export const MAX_INDEX_ENTRIES = 4_096;

/** A series nobody added to for this long is no longer shown nor kept. */
export const DEFAULT_IDLE_EXPIRY_MS = 30 * 60_000;
