// Files over node:fs. Writes are atomic (temporary name, sync, rename); watching survives renames.
import { watch as watchFolder } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { FileStat, Fs } from '#base';

/** The kernel's notice may miss a folder that appears together with its files: look again this often. */
const POLL_MS = 2000;
/** Several notices of one edit become one call. */
const SETTLE_MS = 30;

let temporaryCount = 0;

export class SystemFs implements Fs {
  async readText(path: string): Promise<string | undefined> {
    return await unlessMissing(readFile(path, 'utf8'));
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
    await rm(path, { force: true, recursive: true });
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

  watch(folder: string, changed: () => void): { close(): void } {
    return new FolderWatch(folder, changed, this);
  }
}

class FolderWatch {
  readonly #folder: string;
  readonly #changed: () => void;
  readonly #fs: SystemFs;
  readonly #poll: NodeJS.Timeout;
  #kernel: { close(): void } | undefined;
  #settle: NodeJS.Timeout | undefined;
  #fingerprint: string | undefined;
  #closed = false;

  constructor(folder: string, changed: () => void, fs: SystemFs) {
    this.#folder = folder;
    this.#changed = changed;
    this.#fs = fs;
    this.#poll = setInterval(() => void this.#look(), POLL_MS).unref();
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    this.#kernel?.close();
  }

  #arm(): void {
    if (this.#kernel !== undefined || this.#closed) return;
    try {
      const watcher = watchFolder(this.#folder, { recursive: true, persistent: false }, () => this.#soon());
      watcher.on('error', () => {
        watcher.close();
        this.#kernel = undefined;
      });
      this.#kernel = watcher;
    } catch {
      // The folder is not there (yet): the poll arms again.
    }
  }

  #soon(): void {
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined;
      void this.#look();
    }, SETTLE_MS);
  }

  async #look(): Promise<void> {
    this.#arm();
    const next = await this.#measure();
    if (next === undefined) {
      this.#kernel?.close();
      this.#kernel = undefined;
    }
    const before = this.#fingerprint;
    this.#fingerprint = next ?? '';
    if (!this.#closed && before !== undefined && before !== this.#fingerprint) this.#changed();
  }

  async #measure(): Promise<string | undefined> {
    try {
      if ((await this.#fs.stat(this.#folder)) === undefined) return undefined;
      const parts: string[] = [];
      for (const path of await this.#fs.walk(this.#folder)) {
        const s = await unlessMissing(stat(join(this.#folder, path)));
        if (s !== undefined) parts.push(`${path}|${s.size}|${s.mtimeMs}|${s.ino}`);
      }
      return parts.join('\n');
    } catch {
      return this.#fingerprint;
    }
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
