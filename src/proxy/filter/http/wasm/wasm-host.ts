// All plugins of one thread: modules are compiled once beside the traffic, machines are shared by vm_id, code and environment, plugins
// by all filters with one configuration.

import { type Clock, type Logger, type Random, runInSlices } from '#base';
import type { StatStore } from '#telemetry';
import type { ModuleSource } from '../../../services.ts';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { engine, type EngineModule } from './engine.ts';
import { boundModule } from './bound-module.ts';
import { WASM_LIMITS } from './limits.ts';
import { Machine } from './machine.ts';
import { Plugin } from './plugin.ts';
import type { ModuleCode, PluginSettings } from './plugin-settings.ts';
import { SharedState } from './shared-state.ts';

export interface WasmHostParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stats: StatStore;
  readonly clusters: ClusterManager;
  readonly modules: ModuleSource | undefined;
}

interface Shared<T> {
  readonly made: Promise<T>;
  users: number;
}

export class WasmHost {
  readonly parts: WasmHostParts;
  readonly #plugins = new Map<string, Plugin>();
  readonly #modules = new Map<string, Promise<EngineModule>>();
  readonly #machines = new Map<string, Shared<Machine>>();
  readonly #shared = new Map<string, SharedState>();

  constructor(parts: WasmHostParts) {
    this.parts = parts;
    parts.stats.computed('wasm.envoy.wasm.runtime.v8.active', 'gauge', () => this.#machines.size);
  }

  /** The caller holds it, and releases it. */
  plugin(settings: PluginSettings): Plugin {
    let found = this.#plugins.get(settings.key);
    if (found === undefined) this.#plugins.set(settings.key, (found = new Plugin(settings, this)));
    found.hold();
    return found;
  }

  forget({ settings }: Plugin): void {
    this.#plugins.delete(settings.key);
    const others = [...this.#plugins.values()];
    if (!others.some((one) => one.settings.machineKey === settings.machineKey))
      this.#machines.delete(settings.machineKey);
    if (!others.some((one) => one.settings.codeKey === settings.codeKey)) this.#modules.delete(settings.codeKey);
    if (others.length === 0) this.#shared.clear();
  }

  /** Rejects with what is wrong with the module. */
  machine(settings: PluginSettings): Promise<Machine> {
    const found = this.#machines.get(settings.machineKey);
    if (found !== undefined) return found.made;
    const made = this.#make(settings);
    this.#machines.set(settings.machineKey, { made, users: 1 });
    return made;
  }

  /** The next one who asks gets a new machine; what could not be read or compiled is tried again too. */
  dropFailed({ machineKey, codeKey }: PluginSettings): void {
    const former = this.#machines.get(machineKey);
    if (former === undefined) return;
    this.#machines.delete(machineKey);
    // A plugin that only refuses its configuration leaves a machine that others may use.
    void former.made.then(
      (machine) => {
        if (machine.failure === undefined && !this.#machines.has(machineKey) && this.#uses(machineKey))
          this.#machines.set(machineKey, former);
      },
      () => void this.#modules.delete(codeKey),
    );
  }

  #uses(machineKey: string): boolean {
    for (const { settings } of this.#plugins.values()) if (settings.machineKey === machineKey) return true;
    return false;
  }

  async #make(settings: PluginSettings): Promise<Machine> {
    const { clock, random, stats, clusters } = this.parts;
    const module = await this.#module(settings);
    stats.counter('wasm.envoy.wasm.runtime.v8.created').inc();
    return Machine.create({
      module,
      environment: settings.environment,
      vmConfiguration: settings.vmConfiguration,
      shared: this.#sharedOf(settings),
      clock,
      random,
      log: settings.log,
      stats,
      clusters,
    });
  }

  #module({ codeKey, code }: PluginSettings): Promise<EngineModule> {
    let found = this.#modules.get(codeKey);
    if (found === undefined) {
      found = this.#compile(code);
      this.#modules.set(codeKey, found);
    }
    return found;
  }

  /** Twice: limits are written into what the engine has found valid. */
  async #compile(code: ModuleCode): Promise<EngineModule> {
    const bytes = Uint8Array.from(await this.#read(code));
    await engine.compile(bytes);
    const bound = await runInSlices(boundModule(bytes, WASM_LIMITS.memoryBytesMax), this.parts.clock);
    return engine.compile(Uint8Array.from(bound));
  }

  async #read(code: ModuleCode): Promise<Uint8Array> {
    if (code.kind === 'bytes') return code.bytes;
    if (this.parts.modules === undefined) throw new Error('this proxy reads no modules from elsewhere');
    return code.kind === 'file'
      ? this.parts.modules.readFile(code.path)
      : this.parts.modules.fetch(code.url, code.sha256);
  }

  /** Plugins that name no vm_id share with their own machine only. */
  #sharedOf({ facts: { vmId }, machineKey }: PluginSettings): SharedState {
    const key = vmId === '' ? `#${machineKey}` : vmId;
    let found = this.#shared.get(key);
    if (found === undefined) this.#shared.set(key, (found = new SharedState()));
    return found;
  }
}
