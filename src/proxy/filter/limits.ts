// Bounds of the policy filters, each with its unit and its argument.

/** Verified tokens that one jwt_authn filter remembers: clients of some minutes, at most 8 kB each. */
export const VERIFIED_TOKENS_MAX = 1024;
/** Bytes of an authorization service's answer: headers and a page for the client. */
export const CHECK_ANSWER_BYTES_MAX = 64 * 1024;
/** Values that one open descriptor of a local rate limit remembers at most, whatever is configured: a bucket and its name each, less than 400 bytes however long the values are, 26 MB. */
export const OPEN_VALUES_MAX = 65_536;
/** A longer key of a rate limit's bucket is kept as its digest (44 characters): names of descriptors and a value of usual length stay as they are. */
export const KEY_CHARS_MAX = 64;
