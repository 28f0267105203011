// Numbers of the Proxy-Wasm ABI 0.2.1 (proxy-wasm/spec), and how header maps and values look in a machine's memory.

export const STATUS = {
  ok: 0,
  notFound: 1,
  badArgument: 2,
  parseFailure: 4,
  invalidMemory: 6,
  empty: 7,
  casMismatch: 8,
  internalFailure: 10,
  unimplemented: 12,
} as const;

export const MAP = {
  requestHeaders: 0,
  requestTrailers: 1,
  responseHeaders: 2,
  responseTrailers: 3,
  callHeaders: 6,
  callTrailers: 7,
} as const;

export const BUFFER = {
  requestBody: 0,
  responseBody: 1,
  callBody: 4,
  vmConfiguration: 6,
  pluginConfiguration: 7,
} as const;

export const METRIC_KINDS = ['counter', 'gauge', 'histogram'] as const;

export type Pair = readonly [name: string, value: string];

/** count, then the sizes of each name and value, then names and values, each ended by a zero byte. */
export function encodePairs(pairs: readonly Pair[]): Buffer {
  let bytes = 4;
  for (const [name, value] of pairs) bytes += 10 + name.length + value.length;
  const out = Buffer.allocUnsafe(bytes);
  out.writeUInt32LE(pairs.length, 0);
  let sizes = 4;
  let at = 4 + 8 * pairs.length;
  for (const [name, value] of pairs) {
    out.writeUInt32LE(name.length, sizes);
    out.writeUInt32LE(value.length, sizes + 4);
    sizes += 8;
    for (const text of [name, value]) {
      at += out.write(text, at, 'latin1');
      out[at++] = 0;
    }
  }
  return out;
}

/** Undefined when sizes and bytes do not fit together, or there are too many. */
export function decodePairs(bytes: Buffer, most: number): Pair[] | undefined {
  if (bytes.length === 0) return [];
  if (bytes.length < 4) return undefined;
  const count = bytes.readUInt32LE(0);
  let at = 4 + 8 * count;
  if (count > most || at > bytes.length) return undefined;
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const name = bytes.readUInt32LE(4 + 8 * i);
    const value = bytes.readUInt32LE(8 + 8 * i);
    if (at + name + value + 2 > bytes.length) return undefined;
    pairs.push([
      bytes.toString('latin1', at, at + name),
      bytes.toString('latin1', at + name + 1, at + name + 1 + value),
    ]);
    at += name + value + 2;
  }
  return pairs;
}
