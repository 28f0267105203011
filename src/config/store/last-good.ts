// Last good versions of objects, kept as files so that every start translates the same (design 7): they are input, not memory.

import type { Fs, Logger } from '#base';
import type { ConfigObject } from '../model/object.ts';
import { manifestOf } from '../model/manifest.ts';
import { parseManifest } from '../parse/parse-manifest.ts';

export interface LastGood {
  readonly key: string;
  /** The file that the object came from. */
  readonly file: string;
  readonly object: ConfigObject;
}

export interface LastGoodSink {
  save(lastGood: LastGood): void;
  remove(key: string): void;
}

export class LastGoodFolder implements LastGoodSink {
  readonly #fs: Fs;
  readonly #folder: string;
  readonly #log: Logger;
  #queue: Promise<void> = Promise.resolve();

  constructor(fs: Fs, folder: string, log: Logger) {
    this.#fs = fs;
    this.#folder = folder;
    this.#log = log;
  }

  async load(): Promise<LastGood[]> {
    const found: LastGood[] = [];
    if ((await this.#fs.stat(this.#folder)) === undefined) return found;
    for (const path of await this.#fs.walk(this.#folder)) {
      if (!path.endsWith('.json')) continue;
      const lastGood = readStored((await this.#fs.readText(`${this.#folder}/${path}`)) ?? '');
      if (lastGood === undefined)
        this.#log.warn('a stored last good version is not readable and is left out', { path });
      else found.push(lastGood);
    }
    return found;
  }

  save(lastGood: LastGood): void {
    const { object, file } = lastGood;
    const text = `${JSON.stringify({ file, line: object.source.line, document: object.source.document, manifest: manifestOf(object) }, null, 1)}\n`;
    this.#enqueue(() => this.#write(this.#path(lastGood.key), text));
  }

  remove(key: string): void {
    this.#enqueue(() => this.#fs.remove(this.#path(key)));
  }

  /** Resolves when everything saved so far is on disk. */
  settled(): Promise<void> {
    return this.#queue;
  }

  async #write(path: string, text: string): Promise<void> {
    await this.#fs.makeFolder(path.slice(0, path.lastIndexOf('/')), { mode: 0o700 });
    await this.#fs.writeText(path, text, { mode: 0o600 });
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue
      .then(work)
      .catch((reason: unknown) => this.#log.error('a last good version was not stored', { reason: String(reason) }));
  }

  #path(key: string): string {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    return `${this.#folder}/${kind}/${namespace === '' ? '_cluster' : namespace}/${name}.json`;
  }
}

function readStored(text: string): LastGood | undefined {
  try {
    const stored = JSON.parse(text) as { file?: unknown; line?: unknown; document?: unknown; manifest?: unknown };
    if (typeof stored.file !== 'string') return undefined;
    const source = { file: stored.file, line: Number(stored.line), document: Number(stored.document) };
    const { object } = parseManifest(stored.manifest, { source });
    return object === undefined ? undefined : { key: object.key, file: stored.file, object };
  } catch {
    return undefined;
  }
}
