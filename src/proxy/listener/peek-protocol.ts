// Looks at the first bytes of a connection without using them up: ClientHello or HTTP (Envoy's tls_inspector, http_inspector).

import { LEADING_EMPTY_LINES_MAX } from '#wire/h1';
import { peekClientHello } from '#wire/tls';

export interface Peeked {
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
}

/** Undefined: more bytes are needed. */
export function peekProtocol(
  bytes: Buffer,
  wants: { readonly tls: boolean; readonly http: boolean },
): Peeked | 'malformed' | undefined {
  if (wants.tls) {
    const peeked = peekClientHello(bytes);
    if (peeked.kind === 'incomplete') return undefined;
    if (peeked.kind === 'hello')
      return { transportProtocol: 'tls', serverName: peeked.sni, applicationProtocols: peeked.alpn };
    if (peeked.kind === 'malformed') return 'malformed';
  }
  if (!wants.http) return RAW;
  return peekHttp(bytes);
}

const RAW: Peeked = { transportProtocol: 'raw_buffer', serverName: '', applicationProtocols: [] };
const H2: Peeked = { ...RAW, applicationProtocols: ['h2c'] };
const H11: Peeked = { ...RAW, applicationProtocols: ['http/1.1'] };
const H10: Peeked = { ...RAW, applicationProtocols: ['http/1.0'] };
const PREFACE = 'PRI * HTTP/2.0';
const LINE_MAX = 8192;

function peekHttp(bytes: Buffer): Peeked | undefined {
  const start = bytes.toString('latin1', 0, Math.min(bytes.length, PREFACE.length));
  if (PREFACE.startsWith(start)) return start.length === PREFACE.length ? H2 : undefined;
  const at = afterEmptyLines(bytes);
  if (at === undefined) return undefined;
  const eol = bytes.indexOf('\r\n', at, 'latin1');
  const line = bytes.toString('latin1', at, eol < 0 ? Math.min(bytes.length, LINE_MAX) : eol);
  if (line === '' && eol < 0) return undefined;
  const method = /^[0-9A-Za-z!#$%&'*+.^_`|~-]+( |$)/.exec(line);
  if (method === null) return RAW;
  if (eol < 0) return bytes.length < LINE_MAX ? undefined : RAW;
  if (/ HTTP\/1\.1$/.test(line)) return H11;
  return / HTTP\/1\.0$/.test(line) ? H10 : RAW;
}

/** Where the request line begins, as the codec reads it: whoever sends an empty line first would else be no HTTP, and nobody's rules be asked. */
function afterEmptyLines(bytes: Buffer): number | undefined {
  let at = 0;
  for (let i = 0; i < LEADING_EMPTY_LINES_MAX && bytes[at] === 0x0d; i++) {
    if (at + 1 === bytes.length) return undefined;
    if (bytes[at + 1] !== 0x0a) break;
    at += 2;
  }
  return at;
}
