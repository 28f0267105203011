// Bounds of translation, each with its unit and reason.

export const TRANSLATION_LIMITS = {
  /** Encoded resources kept for sharing between proxies; Istio's XDS cache has the same size. */
  cachedResources: 60_000,
  /** Encoded virtual hosts and sorted identities kept for sharing. */
  cachedValues: 100_000,
  /** Bytes of a direct response's body, as Istio allows. */
  directResponseBodyBytes: 1_048_576,
} as const;
/** Chains of one listener for addresses of HTTP services that lie in ranges of others; services beyond them share the last one. */
export const EXACT_CHAINS_MAX = 100;
