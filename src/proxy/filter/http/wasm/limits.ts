// What a plugin may use, each with its unit and its argument.

export const WASM_LIMITS = {
  /** Bytes of a machine's memory: written into the module before it is compiled, so that growing further fails inside. */
  memoryBytesMax: 256 * 1024 * 1024,
  /** Bytes of shared data of one vm_id, keys and values: a cache, not a store. */
  sharedDataBytesMax: 16 * 1024 * 1024,
  /** Entries of one shared queue, and queues of one vm_id. */
  queueEntriesMax: 10_000,
  queuesMax: 100,
  /** Metrics that one machine may define: names from requests would otherwise grow without end. */
  metricsMax: 1000,
  /** HTTP calls of one machine that wait for their answers, and bytes of such an answer. */
  callsMax: 1000,
  callAnswerBytesMax: 4 * 1024 * 1024,
  /** Milliseconds of a call without a time-out of its own. */
  callTimeoutMs: 5000,
  /** Milliseconds between ticks, at least. */
  tickMsMin: 10,
  /** Bytes of one logged line. */
  logLineBytesMax: 16_384,
  /** Headers that one map may be given. */
  headersMax: 1000,
  /** Requests that wait for a machine that is being made. */
  waitingMax: 10_000,
  /** Milliseconds until a failed machine may be made again: doubled from the first to the second. */
  reloadFirstMs: 1000,
  reloadMaxMs: 60_000,
  /** Contexts of streams that are over and whose plugin has not called proxy_done. */
  lingeringMax: 10_000,
} as const;
