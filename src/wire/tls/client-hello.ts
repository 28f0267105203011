// Reads server name, ALPN and versions from a connection's first bytes, before the handshake (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301).

import { ALPN_NAMES_MAX, CLIENT_HELLO_BYTES_MAX } from './limits.ts';

export interface ClientHello {
  readonly kind: 'hello';
  /** Lower case; '' when the client sent none. */
  readonly sni: string;
  /** In the client's order. */
  readonly alpn: readonly string[];
  /** Protocol numbers (0x0303 = TLS 1.2, 0x0304 = TLS 1.3), GREASE left out. */
  readonly versions: readonly number[];
}

export type ClientHelloPeek =
  | ClientHello
  /** All bytes so far fit a ClientHello: call again with more. */
  | { readonly kind: 'incomplete' }
  /** The bytes are no TLS handshake record. */
  | { readonly kind: 'plaintext' }
  /** Begins as TLS and cannot become a ClientHello; close the connection. */
  | { readonly kind: 'malformed'; readonly reason: string };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const RECORD_BYTES_MAX = 16 * 1024;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43;

const INCOMPLETE = { kind: 'incomplete' } as const;
const PLAINTEXT = { kind: 'plaintext' } as const;

/** `bytes` are all that the connection has brought so far. The cost is linear in them. */
export function peekClientHello(bytes: Uint8Array): ClientHelloPeek {
  if (bytes.length === 0) return INCOMPLETE;
  if (bytes[0] !== HANDSHAKE_RECORD) return PLAINTEXT;
  if (bytes.length >= 2 && bytes[1] !== 3) return PLAINTEXT;
  const message = collectHandshake(bytes);
  if (typeof message === 'string') return message === 'incomplete' ? INCOMPLETE : malformed(message);
  try {
    return readHello(new Reader(message, 0, message.length));
  } catch (error) {
    if (error instanceof Malformed) return malformed(error.message);
    throw error;
  }
}

/** The body of the first handshake message, joined over records; a reason when there can be none. */
function collectHandshake(bytes: Uint8Array): Uint8Array | string {
  const parts: Uint8Array[] = [];
  let have = 0;
  let wanted = -1;
  let at = 0;
  while (wanted < 0 || have < wanted) {
    if (at + 5 > bytes.length) return 'incomplete';
    if (bytes[at] !== HANDSHAKE_RECORD || bytes[at + 1] !== 3) return 'another record interrupts the ClientHello';
    const length = u16(bytes, at + 3);
    if (length === 0 || length > RECORD_BYTES_MAX) return 'a record of impossible length';
    const part = bytes.subarray(at + 5, Math.min(at + 5 + length, bytes.length));
    parts.push(part);
    have += part.length;
    if (wanted < 0) {
      const head = parts.length === 1 ? part : Buffer.concat(parts);
      if (head.length > 0 && head[0] !== CLIENT_HELLO) return 'the first handshake message is no ClientHello';
      if (head.length >= 4) {
        wanted = 4 + (((head[1] as number) << 16) | u16(head, 2));
        if (wanted > CLIENT_HELLO_BYTES_MAX) return 'the ClientHello is too long';
      }
    }
    if (part.length < length && (wanted < 0 || have < wanted)) return 'incomplete';
    at += 5 + length;
  }
  const joined = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  return joined.subarray(4, wanted);
}

function readHello(hello: Reader): ClientHello {
  const legacyVersion = hello.u16();
  hello.skip(32);
  const sessionId = hello.u8();
  if (sessionId > 32) throw new Malformed('session id too long');
  hello.skip(sessionId);
  const ciphers = hello.vector16();
  if (ciphers.left === 0 || ciphers.left % 2 !== 0) throw new Malformed('no or half a cipher suite');
  if (hello.vector8().left === 0) throw new Malformed('no compression method');
  let sni = '';
  let alpn: string[] = [];
  let versions: number[] = [];
  const seen = new Set<number>();
  const extensions = hello.left === 0 ? hello : hello.vector16();
  if (hello.left !== 0) throw new Malformed('bytes follow the extensions');
  while (extensions.left > 0) {
    const type = extensions.u16();
    const body = extensions.vector16();
    if (seen.has(type)) throw new Malformed('an extension occurs twice');
    seen.add(type);
    if (type === EXTENSION_SERVER_NAME) sni = readServerName(body);
    else if (type === EXTENSION_ALPN) alpn = readAlpn(body);
    else if (type === EXTENSION_SUPPORTED_VERSIONS) versions = readVersions(body);
  }
  if (versions.length === 0) versions = [legacyVersion];
  return { kind: 'hello', sni, alpn, versions };
}

function readServerName(body: Reader): string {
  const list = body.vector16();
  if (body.left !== 0 || list.left === 0) throw new Malformed('server name list');
  let name = '';
  while (list.left > 0) {
    const type = list.u8();
    const value = list.vector16();
    if (type !== 0) continue;
    if (name !== '') throw new Malformed('two server names');
    if (value.left === 0 || value.left > 255) throw new Malformed('server name length');
    name = value.text();
    // Istio's names hold letters, digits, '_', '.', '-' (`outbound_.80_.v1_.host`); nothing outside visible ASCII is a name.
    if (!/^[!-~]+$/.test(name)) throw new Malformed('server name characters');
  }
  return name.toLowerCase();
}

function readAlpn(body: Reader): string[] {
  const list = body.vector16();
  if (body.left !== 0 || list.left === 0) throw new Malformed('ALPN list');
  const names: string[] = [];
  while (list.left > 0) {
    const name = list.vector8();
    if (name.left === 0) throw new Malformed('empty ALPN name');
    if (names.length === ALPN_NAMES_MAX) throw new Malformed('too many ALPN names');
    names.push(name.text());
  }
  return names;
}

function readVersions(body: Reader): number[] {
  const list = body.vector8();
  if (body.left !== 0 || list.left === 0 || list.left % 2 !== 0) throw new Malformed('supported versions');
  const versions: number[] = [];
  while (list.left > 0) {
    const version = list.u16();
    const grease = (version & 0x0f0f) === 0x0a0a && version >> 8 === (version & 0xff);
    if (!grease) versions.push(version);
  }
  return versions;
}

class Malformed extends Error {}

function malformed(reason: string): ClientHelloPeek {
  return { kind: 'malformed', reason };
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Length-prefixed vectors of RFC 8446 §3.4; every read is checked against the end. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  skip(count: number): void {
    if (count > this.left) throw new Malformed('a length points past the end');
    this.#at += count;
  }

  u8(): number {
    this.skip(1);
    return this.#bytes[this.#at - 1] as number;
  }

  u16(): number {
    this.skip(2);
    return u16(this.#bytes, this.#at - 2);
  }

  vector8(): Reader {
    return this.#vector(this.u8());
  }

  vector16(): Reader {
    return this.#vector(this.u16());
  }

  /** All that is left, as latin1. */
  text(): string {
    const from = this.#at;
    this.#at = this.#end;
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + from, this.#end - from).toString('latin1');
  }

  #vector(length: number): Reader {
    this.skip(length);
    return new Reader(this.#bytes, this.#at - length, this.#at);
  }
}
