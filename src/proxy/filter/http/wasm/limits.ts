// What a plugin may use, each with its unit and its argument.

export const WASM_LIMITS = {
  /** Bytes of a machine's memory: written into the module before it is compiled, so that growing further fails inside. */
  memoryBytesMax: 256 * 1024 * 1024,
  /** Tables of a module, and entries of each: written in likewise. */
  tablesMax: 16,
  tableEntriesMax: 1_000_000,
  /** Milliseconds that the plugin may compute for in one call of it, while the thread's other requests wait. */
  callMsMax: 1000,
  /** Instructions (about) after which the time is looked at; and milliseconds that they count for at most: a process that was stopped
   * meanwhile has not computed. */
  sliceUnits: 250_000,
  sliceMsMax: 20,
  /** Instructions (about) while the module is made, when nobody looks at the time yet. */
  startUnits: 100_000_000,
  /** Things done to streams (going on, answers) that one call may ask for, and lines that it may log. */
  actionsMax: 1000,
  logLinesMax: 100,
  /** Bytes of shared data of one vm_id, keys and values: a cache, not a store. */
  sharedDataBytesMax: 16 * 1024 * 1024,
  /** Entries of one shared queue, bytes in all of them, and queues of one vm_id. */
  queueEntriesMax: 10_000,
  queueBytesMax: 16 * 1024 * 1024,
  queuesMax: 100,
  /** Metrics that one machine may define: names from requests would otherwise grow without end. */
  metricsMax: 1000,
  metricNameBytesMax: 1024,
  /** HTTP calls of one machine that wait for their answers, and bytes of such a call's body and answer. */
  callsMax: 1000,
  callBodyBytesMax: 1024 * 1024,
  callAnswerBytesMax: 1024 * 1024,
  /** Milliseconds of a call without a time-out of its own. */
  callTimeoutMs: 5000,
  /** Milliseconds between ticks, at least. */
  tickMsMin: 10,
  /** Bytes of one logged line. */
  logLineBytesMax: 16_384,
  /** Headers that one map may be given, and their bytes. */
  headersMax: 1000,
  headersBytesMax: 1024 * 1024,
  /** Bytes of a body that it makes. */
  bodyBytesMax: 16 * 1024 * 1024,
  /** Properties that it sets on one stream, and bytes of each with its name. */
  propertiesMax: 100,
  propertyBytesMax: 65_536,
  /** Pieces of one write to its standard output, and random bytes that it gets at once. */
  writePiecesMax: 1024,
  randomBytesMax: 65_536,
  /** Requests that wait for a machine that is being made. */
  waitingMax: 10_000,
  /** Milliseconds until a failed machine may be made again: doubled from the first to the second. */
  reloadFirstMs: 1000,
  reloadMaxMs: 60_000,
  /** Contexts of streams that are over and whose plugin has not called proxy_done. */
  lingeringMax: 10_000,
} as const;
