// Bounds of the way back, with their unit and argument.

/** Edges in one agent's summary of a second; the rest is counted as dropped. About 300 bytes each. */
export const MAX_EDGES_PER_SUMMARY = 500;

/** Different status codes or flag sets per edge and summary. */
export const MAX_CODES_PER_EDGE = 16;

/** Routes in one agent's summary of a second. About 150 bytes each. */
export const MAX_ROUTES_PER_SUMMARY = 200;

/** Routes that the control plane keeps; 8 kB each: 16 MB at worst. */
export const MAX_GRAPH_ROUTES = 2_000;

/** Edges that the control plane keeps; 25 kB each with traffic from both reporters: 50 MB at worst. */
export const MAX_GRAPH_EDGES = 2_000;

/** Different reasons of denials, and identities of callers, that an edge remembers; the one seen longest ago goes first. */
export const MAX_SEEN_PER_EDGE = 32;
