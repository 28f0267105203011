// Bounds and paces of leases.

/** Tokens that were not used so long after they were asked for are void: what a limit may be exceeded by, in time. */
export const LEASE_MS = 1000;
/** An answer that is later than that does not come; the proxy's own share decides. */
export const ANSWER_MS = 100;
/** The longest that a request waits: for an answer, and for one more where that did not go round. */
export const WAIT_MS = 2 * ANSWER_MS;
/** While nobody answers, each bucket asks again at this pace. */
export const PROBE_MS = 500;
/** Tokens are asked for ahead for so long a time, by what was asked of the bucket lately. */
export const AHEAD_MS = 200;
/** And as soon as what is there would last no longer than this. */
export const LOW_MS = 100;
/** Requests that wait for one bucket; others are refused. */
export const WAITING_MAX = 1024;
/** A smaller number of proxies is believed when the larger one was not heard of for so long. */
export const FEWER_AFTER_MS = 60_000;
/** Who finds a bucket empty is told to come back after at least and at most so long. */
export const AGAIN_MIN_MS = 20;
export const AGAIN_MAX_MS = 5000;
/** Between proxies that share a bucket that has something now and then. */
export const AGAIN_SHARED_MS = 1000;
/** Proxies that ask of one bucket are counted over such times, and up to so many. */
export const EPOCH_MS = 1000;
export const COUNTED_MAX = 256;
/** Tokens asked for at once, whatever is said. */
export const TOKENS_MAX = 1_000_000;
