// RFC 8441 §5: what HTTP/1.1 answers with 101, extended CONNECT answers with 200.

/**
 * The status of an upstream's answer to an upgrade, as the client's version says it. An endpoint that stays with HTTP/1.1
 * has not switched: its 2xx would tell a client of HTTP/2 that it has, so that becomes 502.
 */
export function switchedStatus(status: number, downstream: string, upstream: string): number {
  if (downstream === '2' && status === 101) return 200;
  if (downstream === '2' && upstream !== '2' && status >= 200 && status < 300) return 502;
  return downstream === '1.1' && upstream === '2' && status === 200 ? 101 : status;
}
