// Every bound that the HTTP/1.1 codec puts on a peer, with unit and reason.

export interface H1Limits {
  /** Request or status line and all fields, and as much of trailers, bytes. Envoy's max_request_headers_kb default is 60 KiB. */
  readonly headBytesMax: number;
  /** Fields in one head or trailer section. Envoy's max_headers_count default. */
  readonly fieldsMax: number;
  /** Chunk size line with its extensions, bytes: extensions carry no meaning for us and are thrown away. */
  readonly chunkLineBytesMax: number;
}

export const DEFAULT_H1_LIMITS: H1Limits = {
  headBytesMax: 60 * 1024,
  fieldsMax: 100,
  chunkLineBytesMax: 256,
};

/** A body piece up to this long leaves in one write with its head, bytes: copying it costs less than a second system call. */
export const SMALL_BODY_BYTES = 4096;

/** Empty lines before a request line that are skipped (RFC 9112 §2.2 asks for at least one). */
export const LEADING_EMPTY_LINES_MAX = 2;

/** Of responses that the client does not take, bytes: no further request of its connection is read. A connection's own high mark, below which it says nothing of having room again. */
export const UNREAD_BYTES_MAX = 64 * 1024;
