// Bounds of a gRPC peer, each with its unit and the argument for its size.

export const GRPC_LIMITS = {
  /** Bytes of one received message. gRPC's own default; the xDS client asks for more. */
  messageBytesMax: 4 * 1024 * 1024,
  /** Messages of one call kept while its connection is being made. A caller that streams waits for `onDrain`. */
  queuedMessagesMax: 64,
  /** Calls waiting for a connection. Beyond, a call fails at once as unavailable. */
  waitingCallsMax: 1000,
  /** Characters of a status message that is sent: trailers share the peer's header budget of 8 kB. */
  statusMessageMax: 2048,
} as const;
