// Limits of clusters.

/** Envoy's highest priority of a locality. */
export const MAX_PRIORITY = 128;
/** Entries of one hash ring (8 bytes each while it is built): Envoy's own bound. */
export const MAX_RING_SIZE = 8_388_608;
/** Entries of one Maglev table: Envoy's own bound. */
export const MAX_MAGLEV_SIZE = 5_000_011;
/** Hosts that one original-destination cluster remembers: they are named by clients, so the map must not grow with them. The longest unused goes first. */
export const MAX_ORIGINAL_DESTINATIONS = 4096;
