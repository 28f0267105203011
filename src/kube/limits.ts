// Bounds of the Kubernetes client: each with its unit and the reason for its size.

/** Objects a page; as client-go: about 2 MB of typical pods, parsed in about 20 ms. */
export const PAGE_OBJECTS = 500;
/** Bytes of one answer; etcd keeps at most 1.5 MB an object, a page of the largest is refused. */
export const ANSWER_BYTES = 256 << 20;
/** Characters of one watch event: an object's 1.5 MB as JSON with escapes. */
export const EVENT_CHARACTERS = 8 << 20;
/** Milliseconds for a call that is no watch. */
export const CALL_MS = 30_000;
/** Seconds that the server is asked to keep a watch; drawn between one and two times this. */
export const WATCH_SECONDS = 300;
/** Milliseconds beyond the asked time after which a watch that does not end is cut. */
export const WATCH_GRACE_MS = 15_000;
/** Milliseconds between attempts: the first, and the longest. */
export const RETRY_FIRST_MS = 250;
export const RETRY_MOST_MS = 30_000;
/** Milliseconds between looks for a kind that is not installed. */
export const ABSENT_FIRST_MS = 1000;
export const ABSENT_MOST_MS = 10_000;
/** Keys in a work queue; beyond, new ones are dropped and a resync brings them back. */
export const QUEUE_KEYS = 100_000;
/** Distinct kubeconfig entries looked at. */
export const KUBECONFIG_ENTRIES = 1000;
