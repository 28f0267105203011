// Keeps the modules of WasmPlugins: fetched when a plugin comes or names another, kept through failures with the text that they
// came with, tried again after 5 s doubling to 10 minutes.

import type { Clock, Logger, Result, Timer } from '#base';
import type { ConfigView } from '#config';
import { moduleSource } from '#config';
import type { WasmPlugin } from '#registry';
import { PLUGIN_LIMITS } from './limits.ts';
import type { SettledPlugin, SettledPlugins } from './snapshot.ts';

export interface PluginModule {
  readonly code: Uint8Array;
  readonly sha256: string;
}

export interface PluginModulesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Never throws; `secret` is the pull secret's dockerconfigjson. */
  readonly fetch: (plugin: WasmPlugin, secret: string | undefined) => Promise<Result<PluginModule, string>>;
  readonly changed: (plugins: SettledPlugins, keys: readonly string[]) => void;
}

const RETRY_MS = 5000;
const RETRY_MAX_MS = 10 * 60_000;

interface Entry {
  plugin: WasmPlugin;
  /** All that decides which bytes come. */
  asked: string;
  settled: SettledPlugin | undefined;
  failures: number;
  timer: Timer | undefined;
}

/** Bounded by configuration: plugins come from nowhere else. */
export class PluginModules {
  readonly #options: PluginModulesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Fetches under way, so that plugins with one module ask once. */
  readonly #running = new Map<string, Promise<Result<PluginModule, string>>>();

  constructor(options: PluginModulesOptions) {
    this.#options = options;
  }

  configChanged(view: ConfigView): void {
    const wanted = new Set<string>();
    const settled: string[] = [];
    for (const plugin of view.list('WasmPlugin')) {
      const source = moduleSource(plugin.spec.url);
      if (!source.ok || source.value.kind === 'file') continue;
      wanted.add(plugin.key);
      const secret = secretOf(view, plugin);
      if (this.#take(plugin, askedFor(plugin, secret), secret)) settled.push(plugin.key);
    }
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      entry.timer?.cancel();
      this.#entries.delete(key);
      settled.push(key);
    }
    if (settled.length > 0) this.#options.changed(this.#settled(), settled);
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
  }

  /** True when its module is known already. */
  #take(plugin: WasmPlugin, asked: string, secret: string | undefined): boolean {
    const known = this.#entries.get(plugin.key);
    if (known?.plugin === plugin && known.asked === asked) return false;
    if (known?.asked === asked) {
      known.plugin = plugin;
      const { settled } = known;
      // The former text stays with the former module as long as the newer one's is not to be had.
      if (settled === undefined || (settled.problem !== undefined && settled.module !== undefined)) return false;
      known.settled = { ...settled, plugin };
      return true;
    }
    known?.timer?.cancel();
    const entry: Entry = { plugin, asked, settled: known?.settled, failures: 0, timer: undefined };
    this.#entries.set(plugin.key, entry);
    void this.#fetch(entry, secret);
    return false;
  }

  async #fetch(entry: Entry, secret: string | undefined): Promise<void> {
    const { asked, plugin } = entry;
    let running = this.#running.get(asked);
    if (running === undefined) {
      running = this.#options.fetch(plugin, secret).finally(() => this.#running.delete(asked));
      this.#running.set(asked, running);
    }
    const fetched = this.#bounded(entry, await running);
    if (this.#entries.get(entry.plugin.key) !== entry) return;
    const former = entry.settled;
    if (fetched.ok) {
      entry.failures = 0;
      entry.settled = { plugin: entry.plugin, module: fetched.value, problem: undefined };
    } else {
      const kept = former?.module !== undefined;
      entry.settled = {
        plugin: kept ? former.plugin : entry.plugin,
        module: former?.module,
        problem: fetched.error,
      };
      entry.timer = this.#options.clock.setTimer(
        Math.min(RETRY_MS * 2 ** entry.failures++, RETRY_MAX_MS),
        () => void this.#fetch(entry, secret),
        { unref: true },
      );
      this.#options.log.warn('the module of a WasmPlugin could not be fetched', {
        plugin: entry.plugin.key,
        problem: fetched.error,
        kept,
      });
      if (former?.problem === fetched.error) return;
    }
    this.#options.changed(this.#settled(), [entry.plugin.key]);
  }

  #bounded(entry: Entry, fetched: Result<PluginModule, string>): Result<PluginModule, string> {
    if (!fetched.ok) return fetched;
    const different = new Map([[fetched.value.sha256, fetched.value.code.length]]);
    for (const { settled } of this.#entries.values())
      if (settled?.module !== undefined && settled !== entry.settled)
        different.set(settled.module.sha256, settled.module.code.length);
    let total = 0;
    for (const bytes of different.values()) total += bytes;
    return total <= PLUGIN_LIMITS.modulesBytesMax
      ? fetched
      : {
          ok: false,
          error: `all modules together would have ${total} bytes; ${PLUGIN_LIMITS.modulesBytesMax} are allowed`,
        };
  }

  #settled(): SettledPlugins {
    const found = new Map<string, SettledPlugin>();
    for (const [key, { settled }] of this.#entries) if (settled !== undefined) found.set(key, settled);
    return found;
  }
}

/** Only of the plugin's own namespace. */
function secretOf(view: ConfigView, { metadata, spec }: WasmPlugin): string | undefined {
  const name = spec.imagePullSecret ?? '';
  if (name === '') return undefined;
  const data = view.get('Secret', metadata.namespace, name)?.spec.data?.['.dockerconfigjson'];
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
}

function askedFor({ spec, metadata }: WasmPlugin, secret: string | undefined): string {
  return JSON.stringify([
    spec.url,
    spec.sha256 ?? '',
    secret ?? '',
    pullsAlways(spec) ? metadata.generation : '',
    spec.imagePullSecret ?? '',
  ]);
}

/** Default: Always for the tag `latest`. */
export function pullsAlways({ url, imagePullPolicy }: WasmPlugin['spec']): boolean {
  if (imagePullPolicy === 'Always') return true;
  if (imagePullPolicy === 'IfNotPresent') return false;
  const source = moduleSource(url);
  return (
    source.ok &&
    source.value.kind === 'oci' &&
    source.value.image.digest === undefined &&
    source.value.image.tag === 'latest'
  );
}
