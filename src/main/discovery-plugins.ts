// Modules of WasmPlugins in a control plane: fetched over HTTP or out of an OCI registry by the client that never asks a place inside,
// checked against their sums, kept on disk for the next start.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, err, type Logger, ok } from '#base';
import { type PluginModule, PluginModules, type Pusher, pullsAlways } from '#push';
import { checkedModule, fetchModule, MODULE_BYTES_MAX, moduleGet } from './fetch-module.ts';

export const PLUGINS_FOLDER = 'wasm';
/** Files kept on disk, newest used first. */
const KEPT_FILES = 64;

export interface DiscoveryPluginsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pusher: Pick<Pusher, 'pluginsChanged'>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly folder: string;
}

export function discoveryPlugins({ clock, log, pusher, options, folder }: DiscoveryPluginsOptions): PluginModules {
  const get = moduleGet((options['wasmAllow'] ?? []) as readonly string[]);
  const insecure = new Set((options['wasmInsecureRegistry'] ?? []) as readonly string[]);
  const bytesMax = Number(options['wasmModuleBytes'] ?? MODULE_BYTES_MAX);
  const kept = new KeptModules(folder, bytesMax);
  return new PluginModules({
    clock,
    log: log.scope('wasm'),
    fetch: async (plugin, secret) => {
      const key = createHash('sha256')
        .update(JSON.stringify([plugin.spec.url, plugin.spec.sha256 ?? '']))
        .digest('hex');
      // One that needs a password is asked for again: who has lost it has lost the module.
      const reusable = !pullsAlways(plugin.spec) && (plugin.spec.imagePullSecret ?? '') === '';
      if ((plugin.spec.imagePullSecret ?? '') !== '' && secret === undefined)
        return err(`the Secret ${plugin.spec.imagePullSecret} with .dockerconfigjson is not in the plugin's namespace`);
      const known = reusable ? kept.get(key) : undefined;
      if (known !== undefined) return ok(known);
      try {
        const fetched = await fetchModule(plugin.spec, { get, insecure, bytesMax, secret });
        if (fetched.ok && reusable) kept.put(key, fetched.value);
        return fetched;
      } catch (error) {
        return err(error instanceof Error ? error.message : String(error));
      }
    },
    changed: (plugins, keys) => pusher.pluginsChanged(plugins, keys),
  });
}

/** A file's name holds what was asked for and the sum of what came. */
class KeptModules {
  readonly #folder: string;
  readonly #bytesMax: number;

  constructor(folder: string, bytesMax: number) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  get(key: string): PluginModule | undefined {
    const name = this.#names().find((one) => one.startsWith(`${key}-`));
    if (name === undefined) return undefined;
    const path = join(this.#folder, name);
    const code = statSync(path).size <= this.#bytesMax ? readFileSync(path) : Buffer.alloc(0);
    const read = checkedModule(code, name.slice(key.length + 1, -EXTENSION.length));
    if (read.ok) return read.value;
    rmSync(path, { force: true });
    return undefined;
  }

  put(key: string, { code, sha256 }: PluginModule): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${key}-${sha256}${EXTENSION}`);
    writeFileSync(`${path}.new`, code, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    const files = this.#names().map((name) => ({ name, ms: statSync(join(this.#folder, name)).mtimeMs }));
    for (const { name } of files.sort((a, b) => b.ms - a.ms).slice(KEPT_FILES))
      rmSync(join(this.#folder, name), { force: true });
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith(EXTENSION));
    } catch {
      return [];
    }
  }
}

const EXTENSION = '.wasm';
