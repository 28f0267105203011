// Header lists of HTTP/2 (RFC 9113 §8.2, §8.3) to and from the stream interface's heads; malformed lists are named, never repaired.
import { FORBIDDEN_TRAILERS } from '../http/forbidden-trailers.ts';
import { HeaderBlock } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/stream.ts';

export type HeadResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string };

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Controls have no place in a field (RFC 9110 §5.5), and HTTP/1.1 behind us would not take them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
const BAD_PATH = /[\0-\x20\x7f#]/;
/** Connection-specific fields have no meaning in HTTP/2 (§8.2.2). */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

function bad(detail: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail };
}

/** Names that may be carried, judged once: the same few come with every request. */
const goodNames = new Set<string>();
const GOOD_NAMES_MAX = 1024;
const GOOD_NAME_CHARS_MAX = 128;

function nameProblem(name: string): string | undefined {
  if (goodNames.has(name)) return undefined;
  if (!NAME.test(name)) return `field name ${JSON.stringify(name.slice(0, 40))} is malformed (RFC 9113 §8.2.1)`;
  if (CONNECTION_SPECIFIC.has(name)) return `${name} is specific to a connection (RFC 9113 §8.2.2)`;
  // Full: peers may send any number of names, so later ones are judged anew each time.
  if (goodNames.size < GOOD_NAMES_MAX && name.length <= GOOD_NAME_CHARS_MAX) goodNames.add(name);
  return undefined;
}

/** A value must not hold a control, nor begin or end with white space. */
function isBadValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return false;
  return isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(length - 1)) || CONTROL.test(value);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function fieldProblem(name: string, value: string): string | undefined {
  const problem = nameProblem(name);
  if (problem !== undefined) return problem;
  if (isBadValue(value)) return `value of ${name} is malformed (RFC 9113 §8.2.1)`;
  if (name === 'te' && value !== 'trailers') return 'te may only say trailers (RFC 9113 §8.2.2)';
  return undefined;
}

let lastMethod = 'GET';
let lastAuthority = '';

function isMethod(method: string): boolean {
  if (method === lastMethod) return true;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) return false;
  lastMethod = method;
  return true;
}

function isAuthority(name: string): boolean {
  if (name === lastAuthority) return true;
  if (/[\0-\x20\x7f@/\\#?]/.test(name)) return false;
  lastAuthority = name;
  return true;
}

export function requestFromFields(fields: readonly string[]): HeadResult<RequestHead> {
  let method = '';
  let path: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let protocol = '';
  let host: string | undefined;
  const headers = new HeaderBlock();
  const flat = headers.flat;
  let cookies: string | undefined;
  let seen = 0;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.charCodeAt(0) === 58) {
      if (flat.length > 0 || cookies !== undefined || host !== undefined)
        return bad(`${name} after a regular field (RFC 9113 §8.3)`);
      if (isBadValue(value)) return bad(`value of ${name} is malformed (RFC 9113 §8.2.1)`);
      const bit =
        name === ':method'
          ? 1
          : name === ':path'
            ? 2
            : name === ':scheme'
              ? 4
              : name === ':authority'
                ? 8
                : name === ':protocol'
                  ? 16
                  : 0;
      if (bit === 0) return bad(`pseudo-header ${JSON.stringify(name.slice(0, 40))} is unknown (RFC 9113 §8.3)`);
      if ((seen & bit) !== 0) return bad(`${name} twice (RFC 9113 §8.3)`);
      seen |= bit;
      if (bit === 1) method = value;
      else if (bit === 2) path = value;
      else if (bit === 4) scheme = value;
      else if (bit === 8) authority = value;
      else protocol = value.toLowerCase();
      continue;
    }
    const problem = fieldProblem(name, value);
    if (problem !== undefined) return bad(problem);
    if (name === 'cookie') cookies = cookies === undefined ? value : `${cookies}; ${value}`;
    else if (name === 'host') {
      if (host !== undefined) return bad('host twice (RFC 9113 §8.3.1)');
      host = value;
    } else flat.push(name, name, value);
  }
  // Crumbs are joined before anything outside HTTP/2 sees them (§8.2.3).
  if (cookies !== undefined) flat.push('cookie', 'cookie', cookies);
  if (!isMethod(method)) return bad(':method is missing or malformed (RFC 9113 §8.3.1)');
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return bad(':authority and host differ (RFC 9113 §8.3.1)');
  }
  const name = authority ?? host ?? '';
  if (!isAuthority(name)) return bad(':authority is malformed (RFC 9113 §8.3.1)');
  if (method === 'CONNECT' && protocol === '') {
    if (path !== undefined || scheme !== undefined || name === '')
      return bad('CONNECT takes only :authority (RFC 9113 §8.5)');
    return {
      ok: true,
      value: { method, path: '', authority: name, scheme: 'http', version: '2', protocol: '', headers },
    };
  }
  if (protocol !== '' && method !== 'CONNECT') return bad(':protocol without CONNECT (RFC 8441 §4)');
  if (scheme !== 'http' && scheme !== 'https')
    return bad(':scheme is missing or is neither http nor https (RFC 9113 §8.3.1)');
  if (
    path === undefined ||
    path === '' ||
    BAD_PATH.test(path) ||
    (path.charCodeAt(0) !== 47 && !(path === '*' && method === 'OPTIONS'))
  ) {
    return bad(':path is missing or malformed (RFC 9113 §8.3.1)');
  }
  // What extended CONNECT asks for is what GET with Upgrade does (RFC 8441 §5): policies and routes see the method that the application gets.
  if (protocol !== '') method = 'GET';
  return { ok: true, value: { method, path, authority: name, scheme, version: '2', protocol, headers } };
}

export function responseFromFields(fields: readonly string[]): HeadResult<ResponseHead> {
  let status = 0;
  const headers = new HeaderBlock();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.charCodeAt(0) === 58) {
      if (name !== ':status' || status !== 0 || headers.flat.length > 0 || !/^[1-9]\d\d$/.test(value))
        return bad(`${name.slice(0, 40)} is out of place or malformed (RFC 9113 §8.3.2)`);
      status = Number(value);
      continue;
    }
    const problem = fieldProblem(name, value);
    if (problem !== undefined) return bad(problem);
    headers.flat.push(name, name, value);
  }
  return status === 0 ? bad(':status is missing (RFC 9113 §8.3.2)') : { ok: true, value: { status, headers } };
}

export function trailersFromFields(fields: readonly string[]): HeadResult<HeaderBlock> {
  const headers = new HeaderBlock();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.charCodeAt(0) === 58) return bad('a pseudo-header in trailers (RFC 9113 §8.1)');
    const problem = fieldProblem(name, value);
    if (problem !== undefined) return bad(problem);
    if (!FORBIDDEN_TRAILERS.has(name)) headers.flat.push(name, name, value);
  }
  return { ok: true, value: headers };
}

/** An upgrade of HTTP/1.1 becomes extended CONNECT (RFC 8441 §5). */
export function fieldsOfRequest(head: RequestHead): string[] {
  const fields: string[] = [];
  const plainConnect = head.method === 'CONNECT' && head.protocol === '';
  const upgraded = head.protocol !== '';
  fields.push(':method', upgraded ? 'CONNECT' : head.method);
  if (!plainConnect) fields.push(':scheme', head.scheme, ':path', head.path);
  if (head.authority !== '') fields.push(':authority', head.authority);
  if (upgraded) fields.push(':protocol', head.protocol);
  pushFields(fields, head.headers, upgraded);
  return fields;
}

export function fieldsOfResponse(head: ResponseHead): string[] {
  const fields = [':status', String(head.status)];
  // RFC 9110 §8.6: no length with 204; many clients refuse such a response.
  pushFields(fields, head.headers, head.status === 204);
  return fields;
}

export function fieldsOfTrailers(trailers: HeaderBlock): string[] {
  const fields: string[] = [];
  pushFields(fields, trailers, false);
  return fields;
}

/** Fields of HTTP/1.1 that must not cross: those of the connection, those it names, and the length where no body can be. */
function pushFields(fields: string[], headers: HeaderBlock, bodyless: boolean): void {
  const flat = headers.flat;
  let named: string | undefined;
  for (let i = 0; i < flat.length; i += 3)
    if (flat[i] === 'connection') named = `${named ?? ''},${(flat[i + 2] as string).toLowerCase()}`;
  const tokens = named === undefined ? undefined : new Set(named.split(',').map((t) => t.trim()));
  for (let i = 0; i < flat.length; i += 3) {
    const name = flat[i] as string;
    if (tokens?.has(name)) continue;
    // Most names pass by their first letter.
    const first = name.charCodeAt(0);
    if (first >= 0x63 && first <= 0x75 && (CONNECTION_SPECIFIC.has(name) || name === 'host')) continue;
    const value = flat[i + 2] as string;
    if (name === 'te' && value !== 'trailers') continue;
    if (bodyless && name === 'content-length') continue;
    fields.push(name, value);
  }
}

/** -1 when absent, undefined when malformed or there twice: who is behind might refuse even two that agree. */
export function contentLength(headers: HeaderBlock): number | undefined {
  let length = -1;
  const flat = headers.flat;
  for (let i = 0; i < flat.length; i += 3) {
    if (flat[i] !== 'content-length') continue;
    const text = flat[i + 2] as string;
    if (length >= 0 || !/^\d{1,15}$/.test(text)) return undefined;
    length = Number(text);
  }
  return length;
}
