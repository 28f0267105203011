// Limits of connections to endpoints.

/** Names that requests ask one endpoint's TLS for, each with connections of its own: clients choose them. */
export const NAMES_PER_ENDPOINT_MAX = 256;
