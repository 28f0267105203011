// Files as a parameter; `io` implements it over node:fs, tests over a map.

export interface FileStat {
  readonly isDirectory: boolean;
  readonly size: number;
  readonly modifiedMs: number;
  readonly mode: number;
}

/** For paths that others name: a pipe would never end, a device never stop. */
export interface ReadOptions {
  /** Only regular files of at most so many bytes; others throw. */
  readonly bytesMax: number;
}

export interface Fs {
  /** Undefined when there is no such file. Other failures throw. */
  readText(path: string, options?: ReadOptions): Promise<string | undefined>;
  /** Writes to a temporary name in the same folder, syncs and renames: a reader sees the old text or the new. */
  writeText(path: string, text: string, options?: { readonly mode?: number }): Promise<void>;
  appendText(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeFolder(path: string, options?: { readonly mode?: number }): Promise<void>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Paths of all files below `folder`, relative to it, sorted. */
  walk(folder: string): Promise<readonly string[]>;
  /** Calls `changed` some time after anything below `folder` changed; says not what. Survives folders that come and go. With `only`, nothing but the files of these names in it is looked at. */
  watch(folder: string, changed: () => void, only?: readonly string[]): { close(): void };
}
