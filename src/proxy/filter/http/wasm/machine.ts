// One instance of a plugin's module: its memory, its exports, and the contexts in it. A trap ends it and nothing else; what host
// functions cause on streams happens after the guest's call has returned, never inside of it.

import type { Clock, Logger, Random } from '#base';
import type { StatStore } from '#telemetry';
import type { CallResult } from '../../call/cluster-call.ts';
import type { LocalReply } from '../../../http/filter.ts';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { engine, type EngineModule } from './engine.ts';
import { GuestMemory } from './guest-memory.ts';
import type { HeaderMap } from './header-map.ts';
import { hostFunctions } from './host-functions.ts';
import { WASM_LIMITS } from './limits.ts';
import type { SharedState } from './shared-state.ts';
import { TimeBudget } from './time-budget.ts';
import { wasiFunctions } from './wasi.ts';

export interface MachineParts {
  readonly module: EngineModule;
  readonly environment: ReadonlyMap<string, string>;
  readonly vmConfiguration: Buffer;
  readonly shared: SharedState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stats: StatStore;
  readonly clusters: ClusterManager;
}

/** What a context lets its guest do; streams and roots differ in it. */
export interface GuestContext {
  readonly id: number;
  /** The plugin's own context, its own for itself. */
  readonly root: RootFacts;
  map(type: number): HeaderMap | undefined;
  /** The guest changed a map. */
  mapChanged(type: number): void;
  buffer(type: number): Buffer | undefined;
  setBuffer(type: number, bytes: Buffer): boolean;
  property(path: readonly string[]): Buffer | undefined;
  setProperty(path: readonly string[], value: string): boolean;
  /** 0: request, 1: response. */
  resume(direction: number): boolean;
  close(): boolean;
  reply(reply: LocalReply): boolean;
  clearRoute(): void;
  /** proxy_done: what the guest waited for is over. */
  done(): boolean;
  /** The machine is gone. */
  machineFailed(): void;
}

export interface RootFacts {
  readonly vmId: string;
  readonly log: Logger;
  setTick(ms: number): void;
  queueReady(id: number): void;
  /** The answer to a call of the plugin or of one of its streams, or why there is none. */
  callAnswered(id: number, result: CallResult): void;
}

type Export = (...args: number[]) => number | bigint | undefined;

/** What `run` returns when the machine failed. */
export const FAILED = -1;
const VERSIONS = ['proxy_abi_version_0_2_1', 'proxy_abi_version_0_2_0', 'proxy_abi_version_0_1_0'];
const INSTALLED = ['wasi_snapshot_preview1', 'wasi_unstable'];

export class Machine {
  readonly parts: MachineParts;
  readonly memory: GuestMemory;
  /** Before 0.2.0, callbacks for heads are not told whether the message ends with them. */
  readonly old: boolean;
  readonly contexts = new Map<number, GuestContext>();
  /** The guest's callbacks; those that it lacks cost nothing. */
  readonly on: Callbacks;
  /** Whose callback runs; host functions are about it. */
  current: GuestContext | undefined = undefined;
  failure: Error | undefined = undefined;
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #budget: TimeBudget;
  /** What the present call has logged. */
  #lines = 0;
  readonly #after: (() => void)[] = [];
  #depth = 0;
  #nextId = 1;

  private constructor(
    parts: MachineParts,
    exports: Readonly<Record<string, unknown>>,
    memory: GuestMemory,
    budget: TimeBudget,
    old: boolean,
  ) {
    this.parts = parts;
    this.#exports = exports;
    this.#budget = budget;
    this.memory = memory;
    this.old = old;
    this.on = Object.fromEntries(Object.entries(CALLBACKS).map(([key, name]) => [key, this.find(name)])) as Callbacks;
  }

  /** Throws an Error that says what the module lacks or wants. */
  static async create(parts: MachineParts): Promise<Machine> {
    const version = VERSIONS.find((name) => exportsOf(parts.module).has(name));
    if (version === undefined) throw new Error(`it is no Proxy-Wasm module: it exports none of ${VERSIONS.join(', ')}`);
    let machine: Machine | undefined;
    const self = (): Machine => {
      // A start section that calls the host before there is one.
      if (machine === undefined) throw new Error('it calls the proxy before it is started');
      return machine;
    };
    const env = hostFunctions(self);
    const wasi = wasiFunctions({ ...parts, memory: () => self().memory, mayLog: () => self().mayLog() });
    const imports: Record<string, Record<string, unknown>> = {};
    for (const { module, name, kind } of engine.Module.imports(parts.module)) {
      const found =
        kind !== 'function'
          ? undefined
          : INSTALLED.includes(module)
            ? wasi.get(name)
            : module === 'env'
              ? env.get(name)
              : undefined;
      if (found === undefined) throw new Error(`it imports ${kind} ${module}.${name}, which this proxy has not`);
      (imports[module] ??= {})[name] = found as unknown;
    }
    const { exports } = await engine.instantiate(parts.module, imports);
    if (!(exports['memory'] instanceof engine.Memory)) throw new Error('it exports no memory');
    const allocate = (exports['proxy_on_memory_allocate'] ?? exports['malloc']) as Export | undefined;
    if (allocate === undefined) throw new Error('it exports neither proxy_on_memory_allocate nor malloc');
    const memory = new GuestMemory(exports['memory'], (size) => Number(allocate(size)) >>> 0);
    const budget = await TimeBudget.of(exports, parts.clock);
    machine = new Machine(parts, exports, memory, budget, version.endsWith('0_1_0'));
    const start = machine.find('_initialize') ?? machine.find('_start');
    if (start !== undefined) machine.run(undefined, start);
    if (machine.failure !== undefined) throw machine.failure;
    return machine;
  }

  find(name: string): Export | undefined {
    const found = this.#exports[name];
    return typeof found === 'function' ? (found as Export) : undefined;
  }

  nextId(): number {
    do this.#nextId = this.#nextId >= 0x7fff_ffff ? 1 : this.#nextId + 1;
    while (this.contexts.has(this.#nextId));
    return this.#nextId;
  }

  /** Calls the guest; FAILED when it trapped, or had before. */
  run(context: GuestContext | undefined, callback: Export | undefined, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    if (callback === undefined) return 0;
    if (this.failure !== undefined) return FAILED;
    const former = this.current;
    this.current = context;
    if (this.#depth++ === 0) this.#begin();
    try {
      return Number(callback(a, b, c, d, e) ?? 0);
    } catch (error) {
      this.#fail(this.#budget.overdrawn ?? (error instanceof Error ? error : new Error(String(error))));
      return FAILED;
    } finally {
      this.current = former;
      if (--this.#depth === 0 && this.#after.length > 0) this.#settle();
    }
  }

  /** After the guest's present call, or at once when there is none. */
  after(action: () => void): void {
    if (this.#depth === 0) action();
    else if (this.#after.length < WASM_LIMITS.actionsMax) this.#after.push(action);
    else throw new Error(`it did more than ${WASM_LIMITS.actionsMax} things to requests in one call`);
  }

  /** False when the present call has logged enough. */
  mayLog(): boolean {
    return ++this.#lines <= WASM_LIMITS.logLinesMax;
  }

  #begin(): void {
    this.#lines = 0;
    this.#budget.begin();
  }

  #settle(): void {
    const actions = this.#after.splice(0);
    for (const action of actions) action();
  }

  #fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const contexts = [...this.contexts.values()];
    this.contexts.clear();
    this.#after.length = 0;
    // The one whose call this is learns it from the result.
    this.#after.push(() => {
      for (const context of contexts) context.machineFailed();
    });
  }
}

const CALLBACKS = {
  create: 'proxy_on_context_create',
  start: 'proxy_on_vm_start',
  configure: 'proxy_on_configure',
  tick: 'proxy_on_tick',
  queueReady: 'proxy_on_queue_ready',
  requestHeaders: 'proxy_on_request_headers',
  requestBody: 'proxy_on_request_body',
  requestTrailers: 'proxy_on_request_trailers',
  responseHeaders: 'proxy_on_response_headers',
  responseBody: 'proxy_on_response_body',
  responseTrailers: 'proxy_on_response_trailers',
  callResponse: 'proxy_on_http_call_response',
  done: 'proxy_on_done',
  log: 'proxy_on_log',
  destroy: 'proxy_on_delete',
} as const;
type Callbacks = Readonly<Record<keyof typeof CALLBACKS, Export | undefined>>;

function exportsOf(module: EngineModule): ReadonlySet<string> {
  return new Set(engine.Module.exports(module).map(({ name }) => name));
}
