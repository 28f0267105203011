// Reads the head of a response (RFC 9112 §4).

import { HeaderBlock, type ResponseHead } from '../http/index.ts';
import type { H1ErrorCode } from './errors.ts';
import type { HeadFacts } from './head-facts.ts';
import { hasForbidden, parseFields } from './parse-fields.ts';

export type ParsedResponse =
  | { readonly error: undefined; readonly head: ResponseHead; readonly version: '1.0' | '1.1' }
  | { readonly error: H1ErrorCode; readonly head: undefined };

/** `text` is the head without its closing empty line. */
export function parseResponse(text: string, facts: HeadFacts, fieldsMax: number): ParsedResponse {
  facts.reset();
  if (hasForbidden(text)) return { error: 'http1.invalid_characters', head: undefined };
  let eol = text.indexOf('\r\n');
  if (eol < 0) eol = text.length;
  const minor = text.charCodeAt(7) - 0x30;
  if (!text.startsWith('HTTP/1.') || (minor !== 0 && minor !== 1) || text.charCodeAt(8) !== 0x20)
    return { error: 'http1.status_line', head: undefined };
  const status = digits(text, 9);
  // The reason may be missing with its space: "HTTP/1.1 200" is common and harmless.
  if (status < 100 || (eol > 12 && text.charCodeAt(12) !== 0x20) || eol < 12)
    return { error: 'http1.status_line', head: undefined };
  const headers = new HeaderBlock();
  const error = parseFields(text, eol + 2, headers, facts, fieldsMax);
  if (error !== undefined) return { error, head: undefined };
  if (facts.chunked && minor === 0) return { error: 'http1.transfer_encoding_1_0', head: undefined };
  // Upstreams may repeat our Host back; it has no meaning in a response.
  if (facts.hostCount > 0) headers.push('host', 'host', facts.host);
  return { error: undefined, head: { status, headers }, version: minor === 1 ? '1.1' : '1.0' };
}

/** Three digits at `at`, or -1. */
function digits(text: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + 3; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
