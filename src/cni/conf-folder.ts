// Keeps our entry in the node's CNI folder: in the file that the runtime takes, in no other, whatever the network's own program writes.
import type { Fs } from '#base';
import { type ConfEdit, firstConf, isOwnConf, ownConf, withoutPlugin, withPlugin } from './conf-list.ts';

export interface ConfFolderOptions {
  readonly fs: Fs;
  readonly folder: string;
  /** '' is the first one by name. */
  readonly file: string;
  /** False: a file of our own, called by a plugin that knows it. */
  readonly chained: boolean;
  readonly entry: Readonly<Record<string, unknown>>;
}

/** Where Multus looks for it, as Istio's. */
const OWN_FILE = 'YYY-topsail-cni.conf';

export class ConfFolder {
  readonly #options: ConfFolderOptions;

  constructor(options: ConfFolderOptions) {
    this.#options = options;
  }

  /** Undefined when the runtime calls us for the next pod; else why it does not. */
  async install(): Promise<string | undefined> {
    const { folder, file, chained, entry, fs } = this.#options;
    if (!chained) {
      const own = ownConf(file === '' ? OWN_FILE : file, entry);
      const path = `${folder}/${own.name}`;
      if ((await fs.readText(path)) !== own.text) await fs.writeText(path, own.text);
      // What it was chained into before.
      for (const name of await this.#names()) await this.#edit(name, withoutPlugin);
      return undefined;
    }
    const names = await this.#withoutOwn(await this.#names());
    const chosen = file === '' ? firstConf(names) : names.find((name) => name === file || name === listOf(file));
    if (chosen === undefined) return `${folder} holds no ${file === '' ? 'CNI configuration' : file} yet`;
    for (const other of names) if (other !== chosen) await this.#edit(other, withoutPlugin);
    return await this.#edit(chosen, (one) => withPlugin(one, entry));
  }

  async remove(): Promise<void> {
    const { chained, file, folder, fs } = this.#options;
    if (chained) for (const name of await this.#names()) await this.#edit(name, withoutPlugin);
    else await fs.remove(`${folder}/${file === '' ? OWN_FILE : file}`);
  }

  /** A file of our own, from when we were not chained, is taken away. */
  async #withoutOwn(names: readonly string[]): Promise<readonly string[]> {
    const { fs, folder } = this.#options;
    const others: string[] = [];
    for (const name of names)
      if (isOwnConf({ name, text: (await fs.readText(`${folder}/${name}`)) ?? '' }))
        await fs.remove(`${folder}/${name}`);
      else others.push(name);
    return others;
  }

  async #names(): Promise<readonly string[]> {
    const all = await this.#options.fs.walk(this.#options.folder);
    return all.filter((name) => !name.includes('/') && /\.(conf|conflist|json)$/.test(name));
  }

  async #edit(name: string, edit: (file: { name: string; text: string }) => ConfEdit): Promise<string | undefined> {
    const { fs, folder } = this.#options;
    const text = await fs.readText(`${folder}/${name}`);
    if (text === undefined) return `${folder}/${name} is gone`;
    const change = edit({ name, text });
    if ('problem' in change) return change.problem;
    if ('unchanged' in change) return undefined;
    await fs.writeText(`${folder}/${change.write.name}`, change.write.text);
    // After the new one is there: a runtime that looks in between finds both, and takes either.
    if (change.remove !== undefined) await fs.remove(`${folder}/${change.remove}`);
    return undefined;
  }
}

function listOf(file: string): string {
  return file.replace(/\.(conf|json)$/, '.conflist');
}
