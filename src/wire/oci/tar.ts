// Finds one file in a tar archive (POSIX ustar): enough for an image that holds a module.

const BLOCK = 512;

/** The last file of this name at the archive's root; undefined when there is none or the archive is damaged before it. */
export function fileInTar(tar: Buffer, name: string): Buffer | undefined {
  let found: Buffer | undefined;
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const title = text(tar, at, 100);
    if (title === '') break;
    const size = Number.parseInt(text(tar, at + 124, 12).trim() || '0', 8);
    if (!Number.isSafeInteger(size) || size < 0 || at + BLOCK + size > tar.length) break;
    const type = tar[at + 156];
    const file = type === 0 || type === 0x30;
    if (file && title.replace(/^\.?\//, '') === name) found = tar.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return found;
}

function text(tar: Buffer, at: number, length: number): string {
  const end = tar.indexOf(0, at);
  return tar.toString('latin1', at, end < 0 ? at + length : Math.min(end, at + length));
}
