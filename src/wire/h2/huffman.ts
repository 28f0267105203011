// HPACK's Huffman code (RFC 7541 Appendix B). The code is canonical, so the lengths are the whole table.

// prettier-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const EOS = 256;

/** Four bits at a time: entry = next state << 12 | symbol << 4 | flags, for state * 16 + nibble. */
const EMITS = 1;
const FAILS = 2;
const ACCEPTS = 4;

function canonicalCodes(): { code: number; length: number }[] {
  const order = LENGTHS.map((length, symbol) => ({ symbol, length })).sort(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  );
  const codes = new Array<{ code: number; length: number }>(LENGTHS.length);
  let code = 0;
  let previous = 0;
  for (const { symbol, length } of order) {
    code *= 2 ** (length - previous);
    previous = length;
    codes[symbol] = { code, length };
    code += 1;
  }
  return codes;
}

interface Node {
  zero: Node | number | undefined;
  one: Node | number | undefined;
  id: number;
  /** All bits from the root are ones and there are at most 7: legal padding (RFC 7541 §5.2). */
  padding: boolean;
}

function buildTree(): Node[] {
  const nodes: Node[] = [{ zero: undefined, one: undefined, id: 0, padding: true }];
  canonicalCodes().forEach(({ code, length }, symbol) => {
    let node = nodes[0] as Node;
    for (let bit = length - 1; bit >= 0; bit--) {
      const one = Math.floor(code / 2 ** bit) % 2 === 1;
      const next = one ? node.one : node.zero;
      if (bit === 0) {
        if (one) node.one = symbol;
        else node.zero = symbol;
      } else if (typeof next === 'object') node = next;
      else {
        const depth = length - bit;
        const made: Node = {
          zero: undefined,
          one: undefined,
          id: nodes.length,
          padding: node.padding && one && depth <= 7,
        };
        nodes.push(made);
        if (one) node.one = made;
        else node.zero = made;
        node = made;
      }
    }
  });
  return nodes;
}

function buildTable(): Int32Array {
  const nodes = buildTree();
  const table = new Int32Array(nodes.length * 16);
  for (const start of nodes) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node: Node = start;
      let symbol = 0;
      let flags = 0;
      for (let bit = 3; bit >= 0 && (flags & FAILS) === 0; bit--) {
        const next = (nibble >> bit) & 1 ? node.one : node.zero;
        if (typeof next === 'object') node = next;
        else if (next === undefined || next === EOS) flags |= FAILS;
        else {
          symbol = next;
          flags |= EMITS;
          node = nodes[0] as Node;
        }
      }
      if (node.padding) flags |= ACCEPTS;
      table[start.id * 16 + nibble] = (node.id << 12) | (symbol << 4) | flags;
    }
  }
  return table;
}

let decodeTable: Int32Array | undefined;

/** The decoded bytes as latin1 text, or undefined when the code is malformed (RFC 7541 §5.2). */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  decodeTable ??= buildTable();
  const table = decodeTable;
  let out = '';
  let state = 0;
  let flags = ACCEPTS;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    let entry = table[state * 16 + (byte >> 4)] as number;
    if ((entry & FAILS) !== 0) return undefined;
    if ((entry & EMITS) !== 0) out += String.fromCharCode((entry >> 4) & 0xff);
    state = entry >> 12;
    entry = table[state * 16 + (byte & 15)] as number;
    if ((entry & FAILS) !== 0) return undefined;
    if ((entry & EMITS) !== 0) out += String.fromCharCode((entry >> 4) & 0xff);
    state = entry >> 12;
    flags = entry;
  }
  return (flags & ACCEPTS) !== 0 ? out : undefined;
}

/** Encodes latin1 text; used by tests and by peers that insist: our encoder sends literals, which cost less to make. */
export function encodeHuffman(text: string): Uint8Array {
  const codes = canonicalCodes();
  let bits = '';
  for (let i = 0; i < text.length; i++) {
    const { code, length } = codes[text.charCodeAt(i)] as { code: number; length: number };
    bits += code.toString(2).padStart(length, '0');
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8), 2));
}
