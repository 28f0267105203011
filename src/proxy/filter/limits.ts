// Bounds of the policy filters, each with its unit and its argument.

/** Verified tokens that one jwt_authn filter remembers: clients of some minutes, at most 8 kB each. */
export const VERIFIED_TOKENS_MAX = 1024;
/** Bytes of an authorization service's answer: headers and a page for the client. */
export const CHECK_ANSWER_BYTES_MAX = 64 * 1024;
/** Values that one open descriptor of a local rate limit remembers at most, whatever is configured: a bucket and its name each, 10 MB. */
export const OPEN_VALUES_MAX = 65_536;
