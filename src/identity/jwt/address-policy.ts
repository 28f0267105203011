// Decides whether a key set may be fetched from an address; asked at dial time, for every redirect, with the address really dialled.

export type AddressClass = 'public' | 'loopback' | 'private' | 'link-local' | 'special';

type Range = readonly [prefix: readonly number[], bits: number, kind: AddressClass];

const V4: readonly Range[] = [
  [[127], 8, 'loopback'],
  [[10], 8, 'private'],
  [[172, 16], 12, 'private'],
  [[192, 168], 16, 'private'],
  [[100, 64], 10, 'private'],
  // Metadata services of the clouds answer on 169.254.169.254.
  [[169, 254], 16, 'link-local'],
  [[0], 8, 'special'],
  [[192, 0, 0], 24, 'special'],
  [[192, 0, 2], 24, 'special'],
  [[198, 18], 15, 'special'],
  [[198, 51, 100], 24, 'special'],
  [[203, 0, 113], 24, 'special'],
  [[224], 3, 'special'],
];
const V6: readonly Range[] = [
  [[0xfc], 7, 'private'],
  [[0xfe, 0x80], 10, 'link-local'],
  [[0xfe, 0xc0], 10, 'private'],
  [[0xff], 8, 'special'],
  [[0x01, 0x00, 0, 0, 0, 0, 0, 0], 64, 'special'],
  [[0x20, 0x01, 0x0d, 0xb8], 32, 'special'],
];

/** Undefined when the text is no IP address. */
export function classifyAddress(address: string): AddressClass | undefined {
  const v4 = parseV4(address);
  if (v4 !== undefined) return classIn(V4, v4);
  const v6 = parseV6(address);
  if (v6 === undefined) return undefined;
  const zeros = (to: number): boolean => v6.slice(0, to).every((byte) => byte === 0);
  if (zeros(15) && v6[15] === 1) return 'loopback';
  // An IPv4 address in disguise counts as what it is: mapped, compatible, NAT64, 6to4.
  const mapped = zeros(10) && v6[10] === 0xff && v6[11] === 0xff;
  const nat64 = v6[0] === 0 && v6[1] === 0x64 && v6[2] === 0xff && v6[3] === 0x9b;
  if (zeros(12) || mapped || nat64) return classIn(V4, v6.slice(12));
  if (v6[0] === 0x20 && v6[1] === 0x02) return classIn(V4, v6.slice(2, 6));
  return classIn(V6, v6);
}

/** Only public addresses, unless the operator allowed this one; link-local ones only by their exact text. */
export function mayFetchFrom(
  address: string,
  allowed: { readonly privateRanges: boolean; readonly exactly: readonly string[] },
): boolean {
  if (allowed.exactly.includes(address)) return true;
  const kind = classifyAddress(address);
  return kind === 'public' || (allowed.privateRanges && (kind === 'private' || kind === 'loopback'));
}

function classIn(ranges: readonly Range[], bytes: readonly number[]): AddressClass {
  for (const [prefix, bits, kind] of ranges) {
    let fits = true;
    for (let bit = 0; bit < bits && fits; bit += 8) {
      const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
      fits = ((bytes[bit / 8] as number) & mask) === ((prefix[bit / 8] ?? 0) & mask);
    }
    if (fits) return kind;
  }
  return 'public';
}

function parseV4(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.map(Number);
}

function parseV6(text: string): readonly number[] | undefined {
  const [head, tail, ...more] = text.split('%')[0]?.split('::') ?? [];
  if (head === undefined || more.length > 0) return undefined;
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  if (left === undefined || right === undefined) return undefined;
  const missing = 16 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

function groups(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? parseV4(part) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}
