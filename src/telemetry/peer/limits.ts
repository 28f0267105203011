// Bounds of peer metadata, which the peer writes.

/** Characters of the header; Istio's own is 0.5 to 2 kB. */
export const MAX_METADATA_CHARS = 8_192;

/** Decoded peers kept; one entry per (proxy, configuration of it) that talks to us. */
export const MAX_CACHED_PEERS = 1_024;

/** Characters of one field: Kubernetes allows 253 for names and 63 for labels. */
export const MAX_FIELD_CHARS = 253;
