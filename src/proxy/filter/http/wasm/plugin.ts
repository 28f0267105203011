// A plugin in this thread: made beside the traffic, used by all filters with its configuration, and what becomes of it when its machine
// fails: `closed` and `open` stay so until the configuration changes, `reload` makes a new machine with the next request, with back-off.

import type { Counter } from '#telemetry';
import { WASM_LIMITS } from './limits.ts';
import type { Machine } from './machine.ts';
import { RootContext } from './plugin-context.ts';
import type { PluginSettings } from './plugin-settings.ts';
import type { WasmHost } from './wasm-host.ts';

export interface Waiter {
  /** The plugin is there, or there is none to be had. */
  pluginSettled(): void;
}

export class Plugin {
  readonly settings: PluginSettings;
  /** Filters and streams that use it. */
  references = 0;
  root: RootContext | undefined = undefined;
  /** Requests that were answered with 503, or went past it. */
  readonly refused: Counter;
  readonly passedBy: Counter;
  readonly #host: WasmHost;
  readonly #failures: Counter;
  readonly #waiting = new Set<Waiter>();
  #making = false;
  #ended = false;
  #reloadAt = 0;
  #pauseMs: number;

  constructor(settings: PluginSettings, host: WasmHost) {
    this.settings = settings;
    this.#host = host;
    this.#pauseMs = settings.reloadFirstMs;
    const { stats } = host.parts;
    const { name } = settings.facts;
    const counter = (what: string): Counter =>
      stats.counter(`wasm.${name}.${what}`, { family: `wasm.${what}`, tags: [['plugin_name', name]] });
    this.#failures = counter('failures');
    this.refused = counter('refused');
    this.passedBy = counter('passed_by');
    this.#make();
  }

  get failOpen(): boolean {
    return this.settings.onFailure === 'open';
  }

  /** Undefined when the waiter is told later; false when there is no plugin to ask. */
  ready(waiter: Waiter): RootContext | false | undefined {
    if (this.root !== undefined) return this.root;
    if (!this.#making) {
      const { clock } = this.#host.parts;
      if (this.settings.onFailure !== 'reload' || clock.now() < this.#reloadAt) return false;
      this.#make();
    }
    if (this.#waiting.size >= WASM_LIMITS.waitingMax) return false;
    this.#waiting.add(waiter);
    return undefined;
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  hold(): void {
    this.references++;
  }

  release(): void {
    if (--this.references > 0) return;
    this.#ended = true;
    this.root?.end();
    this.#host.forget(this);
  }

  #make(): void {
    this.#making = true;
    void this.#host.machine(this.settings).then(
      (machine) => this.#start(machine),
      (error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)),
    );
  }

  #start(machine: Machine): void {
    if (this.#ended) return;
    const root = new RootContext(machine, this.settings, () => this.#lost(root));
    this.#making = true;
    if (!root.start()) {
      machine.contexts.delete(root.id);
      root.setTick(0);
      return this.#failed(machine.failure?.message ?? 'it refuses its configuration');
    }
    this.#making = false;
    this.#pauseMs = this.settings.reloadFirstMs;
    this.root = root;
    this.#tell();
  }

  /** The machine trapped. */
  #lost(root: RootContext): void {
    if (this.root !== root) return;
    this.root = undefined;
    this.#failed(root.machine.failure?.message ?? '');
  }

  #failed(problem: string): void {
    this.#making = false;
    this.#failures.inc();
    const { clock } = this.#host.parts;
    this.#reloadAt = clock.now() + this.#pauseMs;
    const { onFailure, log, facts } = this.settings;
    log.error('a plugin failed', {
      plugin: facts.name,
      problem,
      requests: onFailure === 'open' ? 'pass it by' : 'are answered with 503',
      ...(onFailure === 'reload' ? { againAfterMs: this.#pauseMs } : {}),
    });
    this.#pauseMs = Math.min(this.#pauseMs * 2, WASM_LIMITS.reloadMaxMs);
    this.#host.dropFailed(this.settings);
    this.#tell();
  }

  #tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const waiter of waiting) waiter.pluginSettled();
  }
}
