// Files over node:fs. Writes are atomic (temporary name, sync, rename); watching survives renames.
import { constants } from 'node:fs';
import { appendFile, lstat, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { FileStat, Fs, ReadOptions } from '#base';
import { FolderWatch } from './folder-watch.ts';

let temporaryCount = 0;

export class SystemFs implements Fs {
  async readText(path: string, options?: ReadOptions): Promise<string | undefined> {
    return await unlessMissing(options === undefined ? readFile(path, 'utf8') : readRegular(path, options.bytesMax));
  }

  async writeText(path: string, text: string, options?: { readonly mode?: number }): Promise<void> {
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${temporaryCount++}.tmp`);
    try {
      const file = await open(temporary, 'wx', options?.mode ?? 0o644);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async appendText(path: string, text: string): Promise<void> {
    await appendFile(path, text);
  }

  async remove(path: string): Promise<void> {
    // Of a file that may not be removed `rm` with `recursive` says that it is no folder.
    const found = await unlessMissing(lstat(path));
    if (found === undefined) return;
    if (found.isDirectory()) await rm(path, { force: true, recursive: true });
    else await unlessMissing(unlink(path));
  }

  async makeFolder(path: string, options?: { readonly mode?: number }): Promise<void> {
    await mkdir(path, { recursive: true, ...(options?.mode === undefined ? {} : { mode: options.mode }) });
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const found = await unlessMissing(stat(path));
    if (found === undefined) return undefined;
    return { isDirectory: found.isDirectory(), size: found.size, modifiedMs: found.mtimeMs, mode: found.mode & 0o7777 };
  }

  async walk(folder: string): Promise<readonly string[]> {
    const entries = await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }));
    if (entries === undefined) return [];
    const files = entries.filter((e) => e.isFile() || e.isSymbolicLink());
    return files.map((e) => relative(folder, join(e.parentPath, e.name)).split(sep).join('/')).sort();
  }

  watch(folder: string, changed: () => void, only?: readonly string[]): { close(): void } {
    return new FolderWatch(folder, changed, only === undefined ? {} : { only });
  }
}

/** What it is, is asked of the file that is open, and its size is not believed: both may change. */
async function readRegular(path: string, bytesMax: number): Promise<string> {
  // A pipe that nobody writes to would hold the opening up.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no regular file`);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bytesMax) throw new Error(`${path} has more than ${bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await file.close();
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
