// Writes POSIX ustar archives (IEEE 1003.1-1988, pax name prefix) in memory: the same entries give the same bytes.

export interface TarEntry {
  /** Without a leading slash; folders without a trailing one. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly content?: Uint8Array;
  /** Of a symbolic link. */
  readonly target?: string;
}

const BLOCK = 512;
const TYPE = { file: '0', link: '2', folder: '5' } as const;

/** Chunks in order: contents are not copied. Throws a RangeError when a path does not fit ustar's 255 bytes. */
export function tarChunks(entries: Iterable<TarEntry>): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (const entry of entries) {
    const size = entry.kind === 'file' ? (entry.content?.length ?? 0) : 0;
    chunks.push(header(entry, size));
    if (size === 0 || entry.content === undefined) continue;
    chunks.push(entry.content);
    const rest = size % BLOCK;
    if (rest !== 0) chunks.push(new Uint8Array(BLOCK - rest));
  }
  chunks.push(new Uint8Array(2 * BLOCK));
  return chunks;
}

function header(entry: TarEntry, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const { name, prefix } = splitPath(entry.kind === 'folder' ? `${entry.path}/` : entry.path);
  const text = (at: number, value: string): void => void block.set(Buffer.from(value), at);
  const octal = (at: number, width: number, value: number): void =>
    text(at, value.toString(8).padStart(width - 1, '0'));
  text(0, name);
  octal(100, 8, entry.mode);
  octal(108, 8, entry.uid ?? 0);
  octal(116, 8, entry.gid ?? 0);
  octal(124, 12, size);
  octal(136, 12, 0);
  text(148, '        ');
  text(156, TYPE[entry.kind]);
  text(157, entry.target ?? '');
  text(257, 'ustar\x0000');
  text(345, prefix);
  let sum = 0;
  for (const byte of block) sum += byte;
  text(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    const prefix = path.slice(0, slash);
    const name = path.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name !== '') return { name, prefix };
  }
  throw new RangeError(`${path}: the name is too long for a tar archive (100 bytes, with folders 255)`);
}
