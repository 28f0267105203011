// Writes a PROXY protocol header, version 1 (text) or 2 (binary), for the client that a connection to an endpoint stands for (haproxy.org, proxy-protocol.txt).

import type { OriginalSource } from '#base';
import type { ProxyTlv } from '../listener/proxy-protocol.ts';
import { type IpAddress, parseIp } from '../matcher/cidr.ts';

/** Both ends of the client's own connection. */
export interface ClientAddresses {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Where connections to endpoints come from, when it is the client's address. */
  readonly originalSource?: OriginalSource | undefined;
  /** Of the PROXY header that it came with. */
  readonly proxyTlvs?: readonly ProxyTlv[] | undefined;
}

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const UNKNOWN_V1 = Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
const LOCAL_V2 = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0x00, 0x00, 0x00])]);

/** Without a client, or with one that has no IP address, the proxy speaks for itself: UNKNOWN, or LOCAL. */
export function writeProxyHeader(
  version: 1 | 2,
  client: ClientAddresses | undefined,
  passes: (type: number) => boolean = () => false,
): Buffer {
  const source = client === undefined ? undefined : parseIp(client.remoteAddress);
  const destination = client === undefined ? undefined : parseIp(client.localAddress);
  if (client === undefined || source === undefined || destination === undefined)
    return version === 1 ? UNKNOWN_V1 : LOCAL_V2;
  // A header has one family: an IPv4 address beside an IPv6 one is written as a mapped one.
  const v6 = source.v6 || destination.v6;
  if (version === 1) {
    const text = v6 ? textV6 : textV4;
    const ends = `${text(source)} ${text(destination)} ${client.remotePort} ${client.localPort}`;
    return Buffer.from(`PROXY TCP${v6 ? 6 : 4} ${ends}\r\n`, 'latin1');
  }
  const tlvs = (client.proxyTlvs ?? []).filter(({ type }) => passes(type));
  const size = (v6 ? 36 : 12) + tlvs.reduce((sum, { value }) => sum + 3 + value.length, 0);
  const header = Buffer.alloc(16 + size);
  SIGNATURE.copy(header);
  header[12] = 0x21;
  header[13] = v6 ? 0x21 : 0x11;
  header.writeUInt16BE(size, 14);
  let at = 16;
  for (const ip of [source, destination])
    for (const word of v6 ? wordsV6(ip) : [ip.words[3]]) at = header.writeUInt32BE(word >>> 0, at);
  header.writeUInt16BE(client.remotePort, at);
  at = header.writeUInt16BE(client.localPort, at + 2);
  for (const { type, value } of tlvs) {
    at = header.writeUInt8(type, at);
    at = header.writeUInt16BE(value.length, at);
    at += value.copy(header, at);
  }
  return header;
}

function wordsV6(ip: IpAddress): readonly number[] {
  return ip.v6 ? ip.words : [0, 0, 0xffff, ip.words[3]];
}

function textV4(ip: IpAddress): string {
  const word = ip.words[3];
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
}

/** All eight groups: what the peer reads needs no shortening. */
function textV6(ip: IpAddress): string {
  return wordsV6(ip)
    .flatMap((word) => [(word >>> 16) & 0xffff, word & 0xffff])
    .map((group) => group.toString(16))
    .join(':');
}
