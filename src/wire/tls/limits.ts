// Bounds on what a peer or a file may make us parse, each with its unit and its argument.

/** Bytes. Real hellos, with post-quantum key shares and ECH, stay under 3 kB; Envoy's default is the same 16 KiB. */
export const CLIENT_HELLO_BYTES_MAX = 16 * 1024;
/** Names. Browsers offer 2 or 3, Envoy under Istio 3. */
export const ALPN_NAMES_MAX = 64;
/** Bytes of one certificate or CSR. A certificate with 100 DNS names is about 4 kB. */
export const CERTIFICATE_BYTES_MAX = 64 * 1024;
/** Bytes of one revocation list: about 100,000 entries. */
export const REVOCATION_LIST_BYTES_MAX = 4 * 1024 * 1024;
/** Entries of one revocation list; each costs a string in memory. */
export const REVOKED_SERIALS_MAX = 100_000;
/** Elements directly inside one constructed element, other than a revocation list's entries. */
export const DER_CHILDREN_MAX = 1024;
/** Blocks in one PEM text. A Linux distribution's root bundle has about 140. */
export const PEM_BLOCKS_MAX = 1024;
