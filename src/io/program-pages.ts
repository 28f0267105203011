// Which pages of a process's own program may leave it at any moment: those that the file holds as they are.

/** A part of the address space: both ends are whole pages. */
export interface PageRange {
  readonly from: bigint;
  readonly bytes: number;
}

/** "7f00-7f10 r-xp 0034a000 fe:00 5334004   /usr/bin/node": from, to, permissions, offset, inode. */
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+)/;

/**
 * Of `smaps` (proc(5), "/proc/pid/smaps") the mappings of the file `inode` that nobody may write to and of which no page
 * was ever written: a page that is taken away comes back from the file, as it was, when it is needed. What the linker
 * relocated, and what a debugger or a probe has put a trap into, stays. A second mapping of the same bytes is not the
 * program's image, but somebody's (V8 maps its builtins once more) who may give it back: it stays too.
 */
export function unwrittenPages(smaps: string, inode: bigint): PageRange[] {
  const ranges: PageRange[] = [];
  let mappedTo = 0;
  let found: { readonly from: bigint; readonly bytes: number; readonly offset: number } | undefined;
  for (const line of smaps.split('\n')) {
    const mapping = MAPPING.exec(line);
    if (mapping !== null) {
      const [, from, to, permissions = '', offset = '', owner = ''] = mapping;
      const readOnly = permissions.startsWith('r') && !permissions.includes('w') && BigInt(owner) === inode;
      const start = BigInt(`0x${from}`);
      found = readOnly
        ? { from: start, bytes: Number(BigInt(`0x${to}`) - start), offset: Number.parseInt(offset, 16) }
        : undefined;
    } else if (found !== undefined && line.startsWith('Anonymous:')) {
      if (/^Anonymous:\s+0 kB/.test(line) && found.offset >= mappedTo)
        ranges.push({ from: found.from, bytes: found.bytes });
      mappedTo = Math.max(mappedTo, found.offset + found.bytes);
      found = undefined;
    }
  }
  return ranges;
}
