// Bounds of the identity area, each with its unit and its argument.

/** Certificates a peer may show. Istio's chains have 2 or 3; OpenSSL's own depth limit is 100. */
export const PEER_CHAIN_MAX = 10;
/** Intermediates between a leaf and its root. */
export const PATH_INTERMEDIATES_MAX = 6;
/** Signatures checked for one peer: bounds what a crafted chain of look-alike issuers costs (0.1 ms each for P-256). */
export const PATH_SIGNATURES_MAX = 24;
/** Verified paths kept per check, by hash of the leaf; a proxy talks to fewer distinct peers than this at a time. */
export const VERIFIED_PATHS_MAX = 1024;
/** Intermediates remembered for resumed sessions, which carry only the leaf. */
export const INTERMEDIATES_MAX = 64;
/** Bits. RSA below is weak (NIST SP 800-57), above costs the verifier too much. */
export const RSA_BITS_MIN = 2048;
export const RSA_BITS_MAX = 8192;
/** Milliseconds that two machines' clocks may differ; leaves are backdated by more than this. */
export const CLOCK_SKEW_MS = 10_000;
/** Milliseconds after its end in which a leaf is still taken on a resumed session; OpenSSL allows none on a full handshake. */
export const EXPIRY_SLACK_MS = 3_000;
/** Milliseconds a leaf's notBefore lies in the past. Istio's value. */
export const BACKDATE_MS = 120_000;
/** Milliseconds; Istio's defaults. */
export const LEAF_TTL_DEFAULT_MS = 24 * 3_600_000;
export const LEAF_TTL_MAX_MS = 90 * 24 * 3_600_000;
export const ROOT_TTL_MS = 3650 * 24 * 3_600_000;
/** Milliseconds. Below, half life rotation would outrun the mesh. */
export const LEAF_TTL_MIN_MS = 10_000;
/** Milliseconds for which our own revocation list is good; it is written anew every hour. */
export const REVOCATION_LIST_TTL_MS = 7 * 24 * 3_600_000;
/** Bytes of a file with certificates, roots or keys that configuration names; the list of all public authorities has 230 kB. */
export const SECRET_FILE_BYTES_MAX = 4 << 20;
/** Milliseconds between learning a plugged-in root and signing below it: agents hear of it within one. */
export const PLUGGED_SPREAD_MS = 10_000;
/** Milliseconds that a root which somebody asked for is announced before it signs. */
export const ROTATION_SPREAD_MS = 60_000;
/** Leaves whose serial and identity are remembered for revocation by identity; the oldest is forgotten. */
export const ISSUED_LEAVES_MAX = 20_000;
/** Characters. A CSR of a 4096-bit RSA key is under 2 kB. */
export const CSR_CHARACTERS_MAX = 16 * 1024;
/** Callers whose signing rate is remembered; the least recently seen is forgotten. */
export const RATE_LIMIT_CALLERS_MAX = 10_000;
/** Certificates one caller may ask for at once, and then per second: restarts come in bursts, renewals do not. */
export const SIGN_BURST = 20;
export const SIGN_PER_SECOND = 1;
/** Characters of a SPIFFE id (SPIFFE ID §2.3). */
export const SPIFFE_ID_CHARACTERS_MAX = 2048;
/** Milliseconds. */
export const TOKEN_TTL_MS = 3_600_000;
/** Characters. */
export const TOKEN_CHARACTERS_MAX = 8 * 1024;
/** Secrets one stream of an Envoy may subscribe to; a gateway has one per host. */
export const SDS_NAMES_MAX = 4096;
/** Characters and keys of one issuer's key set; the largest public ones have about 20 keys. */
export const JWKS_CHARACTERS_MAX = 256 * 1024;
export const JWKS_KEYS_MAX = 100;
/** Characters of a token's key id; the ones in use are hashes and UUIDs. */
export const KEY_ID_CHARACTERS_MAX = 512;
/** Keys of a set that one token is tried with when it names none: bounds what a forged token costs (0.1 ms each). */
export const JWT_KEYS_TRIED_MAX = 20;
