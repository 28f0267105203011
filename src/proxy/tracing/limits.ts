// Bounds of what a proxy holds of spans, with their unit and argument.

/** Spans that wait for one collector, about 1.5 kB each: 3 MB. What comes beyond is dropped and counted. */
export const MAX_QUEUED_SPANS = 2_048;
/** Spans of one report: a collector takes 1 MB without being told to. */
export const MAX_REPORT_SPANS = 256;
/** A report goes out when this many wait, or after the interval. */
export const FLUSH_SPANS = 128;
export const FLUSH_INTERVAL_MS = 1_000;
/** A collector that answers later is taken for gone; Envoy's own limit for Zipkin. */
export const REPORT_TIMEOUT_MS = 5_000;
/** Its answer is a few words. */
export const REPORT_ANSWER_BYTES_MAX = 65_536;
/** Bytes of a tag that a request header fills. */
export const MAX_HEADER_TAG_CHARS = 1_024;
