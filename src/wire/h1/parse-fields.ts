// Cuts the field lines of a head into a HeaderBlock and reads what framing needs (RFC 9112 §5, §6, §9).

import type { HeaderBlock } from '../http/index.ts';
import type { H1ErrorCode } from './errors.ts';
import { fieldName, NAME } from './field-name.ts';
import type { HeadFacts } from './head-facts.ts';

const SP = 0x20;
const HTAB = 0x09;

/** Bare CR, bare LF, NUL and other controls; HTAB and obs-text pass. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const DIGITS = /^[0-9]{1,15}$/;

/** Fields that a Connection list must not take away on the way (RFC 9110 §7.6.1; Envoy refuses the same). */
const NEVER_NOMINATED = new Set([
  'host',
  'cookie',
  'authorization',
  'content-length',
  'transfer-encoding',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-client-cert',
]);

export function hasForbidden(text: string): boolean {
  return FORBIDDEN.test(text);
}

/**
 * Reads `text` from `position` (behind the first line's CRLF) to its end; the last line has no CRLF.
 * Host, Connection, Upgrade, Transfer-Encoding and other hop-by-hop fields go to `facts`, not to `headers`.
 */
export function parseFields(
  text: string,
  position: number,
  headers: HeaderBlock,
  facts: HeadFacts,
  fieldsMax: number,
): H1ErrorCode | undefined {
  const end = text.length;
  let count = 0;
  // The lines that stay as they came, up to `position`; `kept` is where those begin that were not yet put there.
  let lines = '';
  let kept = position;
  let verbatim = true;
  while (position < end) {
    let eol = text.indexOf('\r\n', position);
    if (eol < 0) eol = end;
    if (++count > fieldsMax) return 'http1.too_many_headers';
    const colon = text.indexOf(':', position);
    if (colon < 0 || colon >= eol) return isSpace(text.charCodeAt(position)) ? 'http1.obs_fold' : 'http1.field_line';
    const sentName = text.slice(position, colon);
    const name = fieldName(sentName);
    if (name === undefined) return nameError(text, position, colon);
    let from = colon + 1;
    let to = eol;
    while (from < to && isSpace(text.charCodeAt(from))) from++;
    while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
    if (from !== colon + 2 || to !== eol || text.charCodeAt(colon + 1) !== SP) verbatim = false;
    const value = text.slice(from, to);
    if (name.kind === NAME.other) {
      headers.push(name.lower, sentName, value);
    } else {
      if (name.kind === NAME.te) verbatim = false;
      else if (name.kind !== NAME.contentLength) {
        if (kept < position) lines += text.slice(kept, position);
        kept = eol + 2;
      }
      const error = readSpecial(name.kind, name.lower, sentName, value, headers, facts);
      if (error !== undefined) return error;
    }
    position = eol + 2;
  }
  if (verbatim) headers.setLines(kept < end ? `${lines}${text.slice(kept)}\r\n` : lines);
  return finish(headers, facts);
}

function readSpecial(
  kind: number,
  lower: string,
  sent: string,
  value: string,
  headers: HeaderBlock,
  facts: HeadFacts,
): H1ErrorCode | undefined {
  switch (kind) {
    case NAME.host:
      facts.hostCount++;
      facts.host = value;
      return undefined;
    case NAME.contentLength:
      if (facts.contentLength >= 0) return 'http1.duplicate_content_length';
      if (!DIGITS.test(value)) return 'http1.content_length';
      facts.contentLength = Number(value);
      headers.push(lower, sent, value);
      return undefined;
    case NAME.transferEncoding:
      facts.transferEncodings++;
      if (facts.transferEncodings > 1 || value.toLowerCase() !== 'chunked') return 'http1.transfer_encoding';
      facts.chunked = true;
      return undefined;
    case NAME.connection:
      readConnection(value, facts);
      return undefined;
    case NAME.upgrade:
      facts.upgrade = facts.upgrade === '' ? value.toLowerCase() : `${facts.upgrade}, ${value.toLowerCase()}`;
      return undefined;
    case NAME.keepAlive:
      facts.keepAliveParameters = value;
      return undefined;
    case NAME.te:
      // Only "trailers" has a meaning for the next hop (RFC 9110 §10.1.4).
      if (/(^|,)\s*trailers\s*(,|$)/i.test(value)) headers.push(lower, sent, 'trailers');
      return undefined;
    default:
      return undefined;
  }
}

function readConnection(value: string, facts: HeadFacts): void {
  // The usual values first: no split, no allocation.
  if (value === 'keep-alive' || value === 'Keep-Alive') {
    facts.keepAlive = true;
    return;
  }
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === 'close') facts.close = true;
    else if (token === 'keep-alive') facts.keepAlive = true;
    else if (token === 'upgrade') facts.connectionUpgrade = true;
    else if (token !== '') (facts.nominated ??= []).push(token);
  }
}

function finish(headers: HeaderBlock, facts: HeadFacts): H1ErrorCode | undefined {
  if (facts.chunked && facts.contentLength >= 0) return 'http1.content_length_and_chunked';
  if (!facts.connectionUpgrade) facts.upgrade = '';
  else if (facts.upgrade.includes('h2c')) {
    // An offer that may be passed over (RFC 9110 §7.8, RFC 9113 §3.1); Envoy does so too.
    facts.upgrade = facts.upgrade
      .split(',')
      .map((offer) => offer.trim())
      .filter((offer) => offer !== 'h2c')
      .join(', ');
    headers.remove('http2-settings');
  }
  const nominated = facts.nominated;
  if (nominated === undefined) return undefined;
  for (const name of nominated) {
    if (NEVER_NOMINATED.has(name)) return 'http1.connection_nominates';
    // Connection: te is how TE is meant to be sent; what is left of TE is end-to-end enough for gRPC.
    if (name !== 'te') headers.remove(name);
  }
  return undefined;
}

function nameError(text: string, position: number, colon: number): H1ErrorCode {
  if (isSpace(text.charCodeAt(position))) return 'http1.obs_fold';
  if (colon > position && isSpace(text.charCodeAt(colon - 1))) return 'http1.space_before_colon';
  return 'http1.invalid_name';
}

function isSpace(code: number): boolean {
  return code === SP || code === HTAB;
}
