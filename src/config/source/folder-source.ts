// A watched folder of YAML and JSON, laid out as its owner likes, as the source of configuration; `apply` and `delete` write into it.

import type { Clock, FileStat, Fs, Logger, Timer } from '#base';
import { dump } from 'js-yaml';
import { MAX_FILE_BYTES, MAX_FILES } from '../limits.ts';
import type { ErrorCode } from '../errors.ts';
import { manifestOf } from '../model/manifest.ts';
import type { Complaint } from '../model/complaint.ts';
import type { ConfigObject } from '../model/object.ts';
import { type ParsedDocument, parseText } from '../parse/parse-text.ts';
import { toComplaint } from '../problem.ts';
import type { ConfigStore } from '../store/config-store.ts';
import { removeDocument, replaceDocument, withNamespace } from './edit-text.ts';

export interface FolderSourceOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly folder: string;
  readonly store: ConfigStore;
  readonly defaultNamespace?: string;
  /** A change is read when nothing changed for this long. */
  readonly quietMs?: number;
  /** … or when this long has passed since the first change. */
  readonly longestWaitMs?: number;
}

export interface Refused {
  readonly outcome: 'refused';
  readonly reason: string;
  readonly complaint: Complaint;
}

export type WriteOutcome =
  | { readonly outcome: 'created' | 'configured' | 'unchanged'; readonly file: string }
  | Refused;

interface KnownFile {
  readonly size: number;
  readonly modifiedMs: number;
  /** Read so soon after its last change that the next one may have the same time. */
  readonly doubtful: boolean;
}

/** File times are as coarse as this on some file systems. */
const TIME_GRAIN_MS = 2000;

/** What complaints about the folder itself are filed under: no file is called so. */
const FOLDER = '.';

export class FolderSource {
  readonly #options: FolderSourceOptions;
  readonly #known = new Map<string, KnownFile>();
  #watch: { close(): void } | undefined;
  #timer: Timer | undefined;
  #firstChange: number | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: FolderSourceOptions) {
    this.#options = options;
  }

  /** Loads the folder, then follows it. */
  async start(): Promise<void> {
    const { fs, folder, store } = this.#options;
    await fs.makeFolder(folder);
    this.#watch = fs.watch(folder, () => this.#changed());
    await this.refresh();
    store.sweep();
  }

  stop(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#timer?.cancel();
  }

  /** Reads what changed now, and commits it. */
  refresh(): Promise<void> {
    this.#work = this.#work
      .then(() => this.#scan())
      .catch((reason: unknown) =>
        this.#options.log.error('the configuration folder was not read', { reason: String(reason) }),
      );
    return this.#work;
  }

  #changed(): void {
    const { clock, quietMs = 10, longestWaitMs = 100 } = this.#options;
    this.#firstChange ??= clock.now();
    this.#timer?.cancel();
    const wait = Math.min(quietMs, Math.max(0, this.#firstChange + longestWaitMs - clock.now()));
    this.#timer = clock.setTimer(wait, () => {
      this.#firstChange = undefined;
      void this.refresh();
    });
  }

  async #scan(): Promise<void> {
    const { fs, folder, store, log } = this.#options;
    if (await this.#isGone()) {
      // Moved away, or a mount that is lost: an accident must not take the policies out of force.
      store.setFile(FOLDER, [{ document: 0, line: 1, text: '', complaints: [gone(folder)] }]);
      store.commit();
      return;
    }
    store.removeFile(FOLDER);
    const paths = (await fs.walk(folder)).filter(isConfigFile);
    if (paths.length > MAX_FILES)
      log.error('the configuration folder holds too many files; the rest is not read', {
        files: paths.length,
        limit: MAX_FILES,
      });
    const present = new Set(paths.slice(0, MAX_FILES));
    const changed: { path: string; size: number; modifiedMs: number }[] = [];
    for (const path of present) {
      const stat = await this.#stat(path);
      if (stat === 'unreadable') continue;
      if (stat === undefined || stat.isDirectory) {
        present.delete(path);
        continue;
      }
      const known = this.#known.get(path);
      if (known === undefined || known.doubtful || known.size !== stat.size || known.modifiedMs !== stat.modifiedMs)
        changed.push({ path, size: stat.size, modifiedMs: stat.modifiedMs });
    }
    // Older files first: of two documents for one object the older stays in force.
    changed.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1));
    for (const file of changed) await this.#read(file.path, file.size, file.modifiedMs);
    for (const path of this.#known.keys()) {
      if (present.has(path)) continue;
      this.#known.delete(path);
      store.removeFile(path);
    }
    store.commit();
  }

  /** One link that leads in a circle, or into a folder that is closed to us, must not keep the others from being read. */
  async #stat(path: string): Promise<FileStat | 'unreadable' | undefined> {
    const { fs, folder, store } = this.#options;
    try {
      return await fs.stat(`${folder}/${path}`);
    } catch (reason) {
      this.#known.set(path, { size: 0, modifiedMs: 0, doubtful: true });
      store.setFile(path, [{ document: 0, line: 1, text: '', complaints: [unreadable(path, reason)] }]);
      return 'unreadable';
    }
  }

  async #read(path: string, size: number, modifiedMs: number): Promise<void> {
    const { fs, folder, store, clock, defaultNamespace } = this.#options;
    const former = this.#known.get(path);
    const known = { size, modifiedMs, doubtful: clock.wallTime() - modifiedMs < TIME_GRAIN_MS };
    if (size > MAX_FILE_BYTES) {
      this.#known.set(path, known);
      store.setFile(path, [{ document: 0, line: 1, text: '', complaints: [tooLarge(path, size)] }]);
      return;
    }
    try {
      const text = await fs.readText(`${folder}/${path}`, { bytesMax: MAX_FILE_BYTES });
      if (text === undefined) return;
      this.#known.set(path, known);
      store.setFile(
        path,
        parseText(path, text, {
          createdMs: Math.floor(modifiedMs),
          ...(defaultNamespace === undefined ? {} : { defaultNamespace }),
        }),
      );
    } catch (reason) {
      if (former === undefined) this.#known.set(path, { size, modifiedMs, doubtful: true });
      store.setFile(path, [{ document: 0, line: 1, text: '', complaints: [unreadable(path, reason)] }]);
    }
  }

  /** Stores a document: in the place where its object already is, else in NAMESPACE/KIND.NAME.yaml. */
  async write(document: ParsedDocument): Promise<WriteOutcome> {
    const { object, key } = document;
    if (object === undefined || key === undefined) return refused(document.key ?? '', 'the document is not valid', '');
    // What an editor wrote a moment ago must be known before a part of it is replaced.
    await this.refresh();
    const { fs, folder, store } = this.#options;
    if (await this.#isGone()) return unwritable(key, '', new Error(`the folder ${folder} is gone`));
    const text = this.#textOf(document);
    const [present] = store.documentsOf(key);
    if (present === undefined) return this.#create(key, object, text);
    const hindrance = hindranceOf(key, present);
    if (hindrance.refused !== undefined) return hindrance.refused;
    const fileText = (await fs.readText(`${folder}/${present.file}`)) ?? '';
    const next = replaceDocument(fileText, hindrance.document, text);
    if (next === fileText) return { outcome: 'unchanged', file: present.file };
    return this.#save(key, present.file, next, 'configured');
  }

  /** A file of that name may hold other objects by now: theirs stay. */
  async #create(key: string, object: ConfigObject, text: string): Promise<WriteOutcome> {
    const { namespace, name } = object.metadata;
    const file = `${namespace === '' ? 'cluster' : namespace}/${object.kind}.${name}.yaml`;
    const former = await this.#options.fs.readText(`${this.#options.folder}/${file}`);
    const kept = former === undefined || former.trim() === '' ? '' : `${former.trimEnd()}\n---\n`;
    return this.#save(key, file, kept + text, 'created');
  }

  /** Removes an object's document; the file with the last one. */
  async remove(key: string): Promise<{ readonly outcome: 'deleted' | 'notFound' } | Refused> {
    const { fs, folder, store } = this.#options;
    await this.refresh();
    const claims = [...store.documentsOf(key)];
    if (claims.length === 0) return { outcome: 'notFound' };
    for (const claim of claims) {
      const hindrance = hindranceOf(key, claim);
      if (hindrance.refused !== undefined) return hindrance.refused;
      const path = `${folder}/${claim.file}`;
      try {
        const rest = removeDocument((await fs.readText(path)) ?? '', hindrance.document);
        if (rest === undefined) await fs.remove(path);
        else await fs.writeText(path, rest);
      } catch (reason) {
        return unwritable(key, claim.file, reason);
      }
    }
    await this.refresh();
    return { outcome: 'deleted' };
  }

  async #isGone(): Promise<boolean> {
    return (await this.#options.fs.stat(this.#options.folder)) === undefined;
  }

  #textOf(document: ParsedDocument): string {
    const { object } = document;
    if (object === undefined) return document.text;
    if (document.inList === true) return dump(withoutDefaults(manifestOf(object)));
    const { namespace } = object.metadata;
    const named =
      namespace === '' || namespace === (this.#options.defaultNamespace ?? 'default')
        ? document.text
        : withNamespace(document.text, namespace);
    return `${named.replace(/^[ \t]*\n/, '').trimEnd()}\n`;
  }

  async #save(key: string, file: string, text: string, outcome: 'created' | 'configured'): Promise<WriteOutcome> {
    const { fs, folder } = this.#options;
    const path = `${folder}/${file}`;
    try {
      await fs.makeFolder(path.slice(0, path.lastIndexOf('/')));
      await fs.writeText(path, text);
    } catch (reason) {
      return unwritable(key, file, reason);
    }
    await this.refresh();
    return { outcome, file };
  }
}

function isConfigFile(path: string): boolean {
  const hidden = path.split('/').some((part) => part.startsWith('.') || part.startsWith('#'));
  return !hidden && /\.(ya?ml|json)$/.test(path);
}

/** Why a document cannot be changed by itself, or which of its file's it is. */
function hindranceOf(
  key: string,
  claim: { readonly file: string; readonly document: ParsedDocument | undefined },
): { readonly refused: Refused } | { readonly refused?: undefined; readonly document: number } {
  const { file, document } = claim;
  if (document === undefined) {
    return { refused: refused(key, `${file}, which holds it, is not readable as YAML; correct it first`, file) };
  }
  if (document.inList === true)
    return { refused: refused(key, `it is an item of a List in ${file}; edit it there`, file) };
  return { document: document.document };
}

function refused(key: string, reason: string, file: string, code: ErrorCode = 'TS-CFG-0504'): Refused {
  const place = { file, line: 0, column: 0, object: key.replace('/', ' ') };
  return { outcome: 'refused', reason, complaint: toComplaint({ code, path: [], args: { reason } }, place) };
}

/** A full disk, a folder that may only be read. */
function unwritable(key: string, file: string, reason: unknown): Refused {
  return refused(key, reason instanceof Error ? reason.message : String(reason), file, 'TS-CFG-0505');
}

function tooLarge(file: string, size: number): Complaint {
  const place = { file, line: 1, column: 1, object: '' };
  return toComplaint({ code: 'TS-CFG-0002', path: [], args: { size, limit: MAX_FILE_BYTES } }, place);
}

function gone(folder: string): Complaint {
  const place = { file: FOLDER, line: 0, column: 0, object: '' };
  return toComplaint({ code: 'TS-CFG-0506', path: [], args: { folder } }, place);
}

function unreadable(file: string, reason: unknown): Complaint {
  return toComplaint(
    { code: 'TS-CFG-0013', path: [], args: { reason: reason instanceof Error ? reason.message : String(reason) } },
    { file, line: 1, column: 1, object: '' },
  );
}

/** What the control plane adds to metadata is not written into a file. */
function withoutDefaults(manifest: Record<string, unknown>): Record<string, unknown> {
  const {
    creationTimestamp: _c,
    generation: _g,
    resourceVersion: _r,
    ...metadata
  } = manifest['metadata'] as Record<string, unknown>;
  return { ...manifest, metadata };
}
