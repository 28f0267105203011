// Notices every change below a folder: one kernel watch per folder. Node's own recursive watch follows the files
// themselves on Linux and loses a file that is replaced by rename, which is how careful editors save.
import { type Stats, watch as watchFolder } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** For file systems without notices, and folders that the kernel has no watch left for: look again this often. */
const POLL_MS = 2000;
/** Several notices of one edit become one look; whoever listens waits for quiet by itself. */
const SETTLE_MS = 5;

export class FolderWatch {
  readonly #folder: string;
  readonly #only: readonly string[] | undefined;
  readonly #changed: () => void;
  readonly #poll: NodeJS.Timeout;
  readonly #watches = new Map<string, { readonly identity: string; close(): void }>();
  #settle: NodeJS.Timeout | undefined;
  #fingerprint: string | undefined;
  /** One look at a time: a slow one must not overwrite what a later one found. */
  #looking = false;
  #again = false;
  #closed = false;

  constructor(
    folder: string,
    changed: () => void,
    options: {
      readonly pollMs?: number;
      /** Names of files in the folder; nothing else is looked at, whatever is beside them. */
      readonly only?: readonly string[];
    } = {},
  ) {
    const { pollMs = POLL_MS, only } = options;
    this.#folder = folder;
    this.#only = only;
    this.#changed = changed;
    this.#poll = setInterval(() => void this.#look(), pollMs).unref();
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #soon(): void {
    if (this.#closed) return;
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined;
      void this.#look();
    }, SETTLE_MS);
  }

  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    do {
      this.#again = false;
      const next = await this.#measure();
      if (this.#closed) return;
      const before = this.#fingerprint;
      this.#fingerprint = next;
      // Whoever watches files read them before the first look: what changed in between would be lost.
      if (before !== next && (before !== undefined || this.#only !== undefined)) this.#changed();
    } while (this.#again);
    this.#looking = false;
  }

  /** Watches are armed before their folder is read, so that nothing falls in between. */
  async #measure(): Promise<string> {
    const parts: string[] = [];
    const seen = new Set<string>();
    if (this.#only === undefined) await this.#measureFolder(this.#folder, parts, seen);
    else await this.#measureFiles(this.#only, parts, seen);
    for (const [path, watch] of this.#watches) {
      if (seen.has(path)) continue;
      watch.close();
      this.#watches.delete(path);
    }
    return parts.sort().join('\n');
  }

  async #measureFiles(names: readonly string[], parts: string[], seen: Set<string>): Promise<void> {
    const folder = await stat(this.#folder).catch(() => undefined);
    if (folder === undefined) return;
    this.#arm(this.#folder, identityOf(folder));
    seen.add(this.#folder);
    for (const name of names) await measureFile(join(this.#folder, name), parts);
  }

  async #measureFolder(folder: string, parts: string[], seen: Set<string>): Promise<void> {
    let entries;
    try {
      this.#arm(folder, identityOf(await stat(folder)));
      entries = await readdir(folder, { withFileTypes: true });
    } catch {
      // It is gone, or was never there.
      return;
    }
    seen.add(folder);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await this.#measureFolder(path, parts, seen);
      else if (entry.isFile() || entry.isSymbolicLink()) await measureFile(path, parts);
    }
  }

  #arm(folder: string, identity: string): void {
    const known = this.#watches.get(folder);
    if (this.#closed || known?.identity === identity) return;
    // Another folder of that name: the kernel still watches the one that is gone.
    known?.close();
    this.#watches.delete(folder);
    try {
      const watcher = watchFolder(folder, { persistent: false }, () => this.#soon());
      const watch = { identity, close: () => watcher.close() };
      watcher.on('error', () => {
        watcher.close();
        if (this.#watches.get(folder) === watch) this.#watches.delete(folder);
        this.#soon();
      });
      this.#watches.set(folder, watch);
    } catch {
      // Not there yet, or no watch left: the poll looks.
    }
  }
}

/** A number alone is given to the next folder as soon as it is free. */
function identityOf({ ino, birthtimeMs }: Stats): string {
  return `${ino} ${birthtimeMs}`;
}

async function measureFile(path: string, parts: string[]): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) parts.push(`${path}|${found.size}|${found.mtimeMs}|${found.ino}`);
}
