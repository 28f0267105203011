// Bounds of the DNS proxy, each with its unit and its argument.

export const DNS_LIMITS = {
  /** Questions under way to the host's resolvers. glibc asks two at once per look-up; beyond this a client is told to try again (SERVFAIL). */
  forwardedMax: 256,
  /** ms until the next resolver is asked; Istio's agent waits as long in all. */
  serverMs: 2500,
  /** Resolvers asked for one question: resolv.conf's own limit. */
  serversMax: 3,
  /** ms that a TCP client may keep a connection without a question (RFC 7766 §6.2.3 asks for seconds). */
  tcpIdleMs: 10_000,
  /** Connections at once over TCP. */
  tcpConnectionsMax: 64,
  /** s that a client may keep an address of the mesh; Istio's 30. */
  ttlSeconds: 30,
  /** Aliases of search domains looked at for one name. */
  searchMax: 8,
} as const;
