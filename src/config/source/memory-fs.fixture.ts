// Files in memory, for tests: times move with a clock, watchers are called at once.

import type { Clock, FileStat, Fs } from '#base';

export class MemoryFs implements Fs {
  readonly files = new Map<string, { text: string; modifiedMs: number; mode: number }>();
  readonly #folders = new Set<string>();
  readonly #watchers = new Set<{ folder: string; changed: () => void }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async readText(path: string): Promise<string | undefined> {
    return this.files.get(path)?.text;
  }

  async writeText(path: string, text: string, options: { readonly mode?: number } = {}): Promise<void> {
    this.put(path, text, options.mode);
  }

  /** What an editor does. */
  put(path: string, text: string, mode = 0o644): void {
    this.files.set(path, { text, modifiedMs: this.#clock.wallTime(), mode });
    this.#tell(path);
  }

  async appendText(path: string, text: string): Promise<void> {
    this.put(path, (this.files.get(path)?.text ?? '') + text);
  }

  async remove(path: string): Promise<void> {
    if (this.files.delete(path)) this.#tell(path);
  }

  async makeFolder(path: string): Promise<void> {
    this.#folders.add(path);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const file = this.files.get(path);
    if (file !== undefined)
      return { isDirectory: false, size: file.text.length, modifiedMs: file.modifiedMs, mode: file.mode };
    const isFolder = this.#folders.has(path) || [...this.files.keys()].some((other) => other.startsWith(`${path}/`));
    return isFolder ? { isDirectory: true, size: 0, modifiedMs: 0, mode: 0o755 } : undefined;
  }

  async walk(folder: string): Promise<readonly string[]> {
    const prefix = `${folder}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  watch(folder: string, changed: () => void): { close(): void } {
    const watcher = { folder, changed };
    this.#watchers.add(watcher);
    return { close: () => void this.#watchers.delete(watcher) };
  }

  #tell(path: string): void {
    for (const { folder, changed } of this.#watchers) if (path.startsWith(`${folder}/`)) changed();
  }
}
