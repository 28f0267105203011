// Reads the head of a request (RFC 9112 §3): request line, target forms, Host, framing.

import { HeaderBlock, type RequestHead } from '../http/index.ts';
import type { H1ErrorCode } from './errors.ts';
import { isToken } from './field-name.ts';
import type { HeadFacts } from './head-facts.ts';
import { hasForbidden, parseFields } from './parse-fields.ts';

const SLASH = 0x2f;
const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']);
const ABSOLUTE = /^(https?):\/\/([^/?#]*)([^#]*)$/i;
/** uri-host [":" port] of RFC 3986, without userinfo. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*)(?::[0-9]{0,5})?$/;
const BAD_TARGET = /[ \t#\x80-\xff]/;

export type ParsedRequest =
  | { readonly error: undefined; readonly head: RequestHead }
  | { readonly error: H1ErrorCode; readonly head: undefined };

/** `text` is the head without its closing empty line. */
export function parseRequest(text: string, facts: HeadFacts, fieldsMax: number, secure: boolean): ParsedRequest {
  facts.reset();
  const parsed = cut(text, facts, fieldsMax, secure);
  // Of too many fields the rest is not looked at. Forbidden characters outrank all else, since they may have misled what looked.
  if (parsed.error === 'http1.too_many_headers' || !hasForbidden(text)) return parsed;
  return refuse('http1.invalid_characters');
}

function cut(text: string, facts: HeadFacts, fieldsMax: number, secure: boolean): ParsedRequest {
  let eol = text.indexOf('\r\n');
  if (eol < 0) eol = text.length;
  const methodEnd = text.indexOf(' ');
  if (methodEnd <= 0 || methodEnd > eol) return refuse('http1.request_line');
  const targetEnd = text.indexOf(' ', methodEnd + 1);
  if (targetEnd <= methodEnd + 1 || targetEnd > eol) return refuse('http1.request_line');
  const method = text.slice(0, methodEnd);
  if (!METHODS.has(method) && !isToken(method)) return refuse('http1.invalid_method');
  const version = text.slice(targetEnd + 1, eol);
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0')
    return refuse(/^HTTP\/[0-9]\.[0-9]$/.test(version) ? 'http1.version' : 'http1.request_line');
  const headers = new HeaderBlock();
  const error = parseFields(text, eol + 2, headers, facts, fieldsMax);
  if (error !== undefined) return refuse(error);
  const head: RequestHead = {
    method,
    path: text.slice(methodEnd + 1, targetEnd),
    authority: facts.host,
    scheme: secure ? 'https' : 'http',
    version: version === 'HTTP/1.1' ? '1.1' : '1.0',
    protocol: facts.upgrade,
    headers,
  };
  const problem = checkHost(head, facts) ?? readTarget(head);
  return problem === undefined ? { error: undefined, head } : refuse(problem);
}

function refuse(error: H1ErrorCode): ParsedRequest {
  return { error, head: undefined };
}

function checkHost(head: RequestHead, facts: HeadFacts): H1ErrorCode | undefined {
  if (facts.hostCount !== 1) {
    if (facts.hostCount > 1) return 'http1.duplicate_host';
    if (head.version === '1.1') return 'http1.missing_host';
  }
  if (facts.chunked && head.version === '1.0') return 'http1.transfer_encoding_1_0';
  const host = goodAuthority(facts.host);
  if (host === undefined) return 'http1.invalid_host';
  head.authority = host;
  return undefined;
}

function readTarget(head: RequestHead): H1ErrorCode | undefined {
  const target = head.path;
  if (BAD_TARGET.test(target)) return 'http1.invalid_url';
  if (head.method === 'CONNECT') {
    // authority-form, §3.2.3; it outranks Host.
    if (!/:[0-9]{1,5}$/.test(target) || goodAuthority(target) === undefined) return 'http1.invalid_url';
    head.authority = target;
    head.path = '';
    head.protocol = '';
    return undefined;
  }
  if (target.charCodeAt(0) === SLASH) return undefined;
  if (target === '*') return head.method === 'OPTIONS' ? undefined : 'http1.invalid_url';
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return 'http1.invalid_url';
  const [, scheme, authority, rest] = absolute as unknown as [string, string, string, string];
  if (authority === '' || goodAuthority(authority) === undefined) return 'http1.invalid_url';
  // absolute-form, §3.2.2: its authority replaces Host.
  head.scheme = scheme.toLowerCase() as 'http' | 'https';
  head.authority = authority;
  head.path = rest.startsWith('/') ? rest : `/${rest}`;
  return undefined;
}

let lastGood = '';

/**
 * The text itself, or undefined where it is none. The one that was good last becomes the same string on all connections: two
 * cuts of different heads are compared by V8's runtime, letter by letter, wherever somebody looks for the host again.
 */
function goodAuthority(text: string): string | undefined {
  if (text === lastGood) return lastGood;
  if (!AUTHORITY.test(text)) return undefined;
  lastGood = text;
  return text;
}
