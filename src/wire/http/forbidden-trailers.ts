/** Trailers that would change framing, routing or trust when somebody merges them into the head (RFC 9110 §6.5.1): they are not passed on. */
export const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  'content-length',
  'host',
  'transfer-encoding',
  'authorization',
  'set-cookie',
  'cookie',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
]);
