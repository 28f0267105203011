// The one table of what the HTTP/1.1 codec refuses: status of the answer, RFC paragraph, sentence.

export interface H1ErrorEntry {
  /** What a server answers; a client resets. */
  readonly status: number;
  readonly paragraph: string;
  readonly message: string;
}

export const H1_ERRORS = {
  'http1.request_line': {
    status: 400,
    paragraph: 'RFC 9112 §3',
    message: 'the request line is not "method SP target SP HTTP/1.x"',
  },
  'http1.invalid_method': { status: 400, paragraph: 'RFC 9110 §9.1', message: 'the method is not a token' },
  'http1.invalid_url': {
    status: 400,
    paragraph: 'RFC 9112 §3.2',
    message: 'the request target has none of the four forms for this method',
  },
  'http1.version': { status: 505, paragraph: 'RFC 9112 §2.3', message: 'the version is neither HTTP/1.1 nor HTTP/1.0' },
  'http1.status_line': {
    status: 502,
    paragraph: 'RFC 9112 §4',
    message: 'the status line is not "HTTP/1.x SP 3DIGIT SP reason"',
  },
  'http1.invalid_characters': {
    status: 400,
    paragraph: 'RFC 9112 §2.2',
    message: 'the head holds a bare CR, a bare LF, NUL or another control character',
  },
  'http1.obs_fold': {
    status: 400,
    paragraph: 'RFC 9112 §5.2',
    message: 'a field line begins with white space (line folding)',
  },
  'http1.field_line': { status: 400, paragraph: 'RFC 9112 §5', message: 'a field line has no colon' },
  'http1.space_before_colon': {
    status: 400,
    paragraph: 'RFC 9112 §5.1',
    message: 'white space stands between a field name and its colon',
  },
  'http1.invalid_name': { status: 400, paragraph: 'RFC 9110 §5.1', message: 'a field name is not a token' },
  'http1.headers_too_large': { status: 431, paragraph: 'RFC 9110 §5.4', message: 'the head is longer than the limit' },
  'http1.too_many_headers': {
    status: 431,
    paragraph: 'RFC 9110 §5.4',
    message: 'there are more fields than the limit',
  },
  'http1.missing_host': { status: 400, paragraph: 'RFC 9112 §3.2', message: 'an HTTP/1.1 request has no Host field' },
  'http1.duplicate_host': { status: 400, paragraph: 'RFC 9112 §3.2', message: 'there is more than one Host field' },
  'http1.invalid_host': { status: 400, paragraph: 'RFC 9112 §3.2', message: 'the Host field is not "host[:port]"' },
  'http1.content_length': {
    status: 400,
    paragraph: 'RFC 9112 §6.3',
    message: 'Content-Length is not one decimal number',
  },
  'http1.duplicate_content_length': {
    status: 400,
    paragraph: 'RFC 9112 §6.3',
    message: 'there is more than one Content-Length',
  },
  'http1.content_length_and_chunked': {
    status: 400,
    paragraph: 'RFC 9112 §6.3',
    message: 'Content-Length and Transfer-Encoding are both there',
  },
  'http1.transfer_encoding': {
    status: 501,
    paragraph: 'RFC 9112 §6.1',
    message: 'Transfer-Encoding is not exactly one "chunked"',
  },
  'http1.transfer_encoding_1_0': {
    status: 400,
    paragraph: 'RFC 9112 §6.1',
    message: 'Transfer-Encoding in an HTTP/1.0 message',
  },
  'http1.chunk_size': { status: 400, paragraph: 'RFC 9112 §7.1', message: 'a chunk size is not a hexadecimal number' },
  'http1.chunk_extension': {
    status: 400,
    paragraph: 'RFC 9112 §7.1.1',
    message: 'a chunk extension is malformed or longer than the limit',
  },
  'http1.chunk_end': { status: 400, paragraph: 'RFC 9112 §7.1', message: 'a chunk is not followed by CRLF' },
  'http1.trailer': { status: 400, paragraph: 'RFC 9112 §7.1.2', message: 'the trailer section is malformed' },
  'http1.connection_nominates': {
    status: 400,
    paragraph: 'RFC 9110 §7.6.1',
    message: 'Connection names a field that must reach the other end',
  },
  'http1.early_end': { status: 400, paragraph: 'RFC 9112 §8', message: 'the connection ended within a message' },
  'http1.unexpected_bytes': {
    status: 502,
    paragraph: 'RFC 9112 §9.2',
    message: 'bytes arrived that belong to no response',
  },
} as const satisfies Record<string, H1ErrorEntry>;

export type H1ErrorCode = keyof typeof H1_ERRORS;

/** "http1.duplicate_host: there is more than one Host field (RFC 9112 §3.2)" */
export function h1ErrorText(code: H1ErrorCode): string {
  const entry = H1_ERRORS[code];
  return `${code}: ${entry.message} (${entry.paragraph})`;
}
