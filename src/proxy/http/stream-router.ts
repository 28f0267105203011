// The end of a stream's filter chain: it carries the request on, and brings the response back.

import type { HeaderBlock, RequestHead } from '#wire/http';

/** What stands behind the last filter. */
export interface StreamRouter {
  requestHead(head: RequestHead, end: boolean): void;
  requestData(data: Uint8Array, end: boolean): void;
  requestTrailers(trailers: HeaderBlock): void;
  /** The client reads slower than the upstream sends, or again fast enough. */
  pauseResponse(): void;
  resumeResponse(): void;
  /** Of the request's body. */
  readonly heldBytes: number;
  /** The stream is over: whatever is still going on upstream ends. */
  destroy(): void;
}
