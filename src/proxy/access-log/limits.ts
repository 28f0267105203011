// Bounds of what a proxy holds of access log entries that go to a service, with their unit and argument.

/** Bytes of entries that wait for one service: some seconds at thousands of requests a second. What comes beyond is dropped and counted. */
export const QUEUED_BYTES_MAX = 2 * 1024 * 1024;
/** Envoy's own defaults of buffer_size_bytes and buffer_flush_interval. */
export const BUFFER_BYTES = 16_384;
export const FLUSH_MS = 1000;
/** ms: an OpenTelemetry collector that answers later is taken for gone. */
export const EXPORT_TIMEOUT_MS = 5000;
/** Its answer is a few words. */
export const EXPORT_ANSWER_BYTES_MAX = 65_536;
/** ms that a log stream which ended waits before it begins anew, at least and at most. */
export const STREAM_RETRY_MS = { initialMs: 500, maxMs: 30_000, factor: 2, jitter: 0.3 } as const;
