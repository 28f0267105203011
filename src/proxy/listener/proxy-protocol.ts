// Reads a PROXY protocol header, version 1 (text) or 2 (binary), from the first bytes of a connection (haproxy.org, proxy-protocol.txt).

export interface ProxiedAddresses {
  readonly source: { readonly address: string; readonly port: number };
  readonly destination: { readonly address: string; readonly port: number };
}

/** A type-length-value of version 2: `value` is part of the bytes that were read. */
export interface ProxyTlv {
  readonly type: number;
  readonly value: Buffer;
}

export type ProxyHeader =
  | { readonly kind: 'incomplete' | 'absent' | 'malformed' }
  /** `addresses` is undefined where the sender speaks for itself (LOCAL, UNKNOWN). */
  | {
      readonly kind: 'header';
      readonly length: number;
      readonly version: 1 | 2;
      readonly addresses: ProxiedAddresses | undefined;
      readonly tlvs: readonly ProxyTlv[];
    };

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const PREFIX = Buffer.from('PROXY ', 'latin1');
/** The longest first line that version 1 allows, with its end. */
const V1_MAX = 107;
/** Bytes of addresses and TLVs that version 2 may carry; Envoy's own bound. */
const V2_MAX = 65_535;
const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const ABSENT: ProxyHeader = { kind: 'absent' };
const MALFORMED: ProxyHeader = { kind: 'malformed' };
const NO_TLVS: readonly ProxyTlv[] = [];

/** `unknown`: versions that are not looked for. */
export function readProxyHeader(bytes: Buffer, unknown?: ReadonlySet<number>): ProxyHeader {
  if (startsLike(bytes, SIGNATURE) && unknown?.has(2) !== true) return bytes.length < 16 ? INCOMPLETE : readV2(bytes);
  if (startsLike(bytes, PREFIX) && unknown?.has(1) !== true)
    return bytes.length < PREFIX.length ? INCOMPLETE : readV1(bytes);
  return ABSENT;
}

/** As far as there are bytes. */
function startsLike(bytes: Buffer, wanted: Buffer): boolean {
  const length = Math.min(bytes.length, wanted.length);
  return bytes.compare(wanted, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length < V1_MAX ? INCOMPLETE : MALFORMED;
  if (end + 2 > V1_MAX) return MALFORMED;
  const length = end + 2;
  const line = bytes.toString('latin1', 0, end);
  if (/^PROXY UNKNOWN( |$)/.test(line))
    return { kind: 'header', length, version: 1, addresses: undefined, tlvs: NO_TLVS };
  const parts = /^PROXY TCP([46]) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5})$/.exec(line);
  if (parts === null) return MALFORMED;
  const [, family = '', from = '', to = '', fromPort = '', toPort = ''] = parts;
  const isRight = family === '4' ? isV4 : isV6;
  if (!isRight(from) || !isRight(to) || Number(fromPort) > 65_535 || Number(toPort) > 65_535) return MALFORMED;
  return {
    kind: 'header',
    length,
    version: 1,
    addresses: {
      source: { address: from, port: Number(fromPort) },
      destination: { address: to, port: Number(toPort) },
    },
    tlvs: NO_TLVS,
  };
}

function readV2(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes[12] as number;
  const family = bytes[13] as number;
  const size = bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 15) > 1 || size > V2_MAX) return MALFORMED;
  const length = 16 + size;
  if (bytes.length < length) return INCOMPLETE;
  // What the sender says of itself is passed over.
  const header = (addresses: ProxiedAddresses | undefined, tlvsAt = length): ProxyHeader => {
    const tlvs = readTlvs(bytes.subarray(tlvsAt, length));
    return tlvs === undefined ? MALFORMED : { kind: 'header', length, version: 2, addresses, tlvs };
  };
  if ((versionAndCommand & 15) === 0) return header(undefined);
  switch (family) {
    case 0x11: {
      if (size < 12) return MALFORMED;
      const at = (offset: number): string => bytes.subarray(offset, offset + 4).join('.');
      return header(
        {
          source: { address: at(16), port: bytes.readUInt16BE(24) },
          destination: { address: at(20), port: bytes.readUInt16BE(26) },
        },
        28,
      );
    }
    case 0x21: {
      if (size < 36) return MALFORMED;
      return header(
        {
          source: { address: v6At(bytes, 16), port: bytes.readUInt16BE(48) },
          destination: { address: v6At(bytes, 32), port: bytes.readUInt16BE(50) },
        },
        52,
      );
    }
    default:
      // UNSPEC is the sender's own; Unix sockets and datagrams have no place here.
      return family === 0 ? header(undefined) : MALFORMED;
  }
}

function readTlvs(bytes: Buffer): readonly ProxyTlv[] | undefined {
  const tlvs: ProxyTlv[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) return undefined;
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > bytes.length) return undefined;
    tlvs.push({ type: bytes[at] as number, value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return tlvs;
}

function v6At(bytes: Buffer, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(offset + 2 * i).toString(16));
  return compressed(groups);
}

/** RFC 5952: the longest run of zeros, of two at least, is "::". */
function compressed(groups: readonly string[]): string {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

function isV4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isV6(text: string): boolean {
  return /^[0-9a-fA-F:]{2,39}$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}
