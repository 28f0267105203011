// A pruned copy of one kind by key, whose handlers are told which keys changed; memory is what `prune` keeps.

import type { Clock, Logger, Random, Timer } from '#base';
import type { KubeClient, Selectors } from './client.ts';
import { keyOf, type KubeObject, type ResourceType } from './object.ts';
import { Reflector, type ReflectorSink } from './reflector.ts';

export interface InformerOptions<T> {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly types: readonly [ResourceType, ...ResourceType[]];
  readonly selectors?: Selectors;
  /** What is kept of an object; undefined = nothing, as if it did not exist. */
  readonly prune: (object: KubeObject) => T | undefined;
  /** An update that keeps all that matters is not reported. Default: every update is. */
  readonly same?: (a: T, b: T) => boolean;
  /** Every so often all keys are reported, so that a handler that failed is asked again; 0 = never. */
  readonly resyncMs?: number;
  /** Called after every complete list of a kind that the server knows: at once, or when the kind is installed later. */
  readonly listed?: () => void;
}

export type KeysHandler = (keys: ReadonlySet<string>) => void;

export class Informer<T> implements ReflectorSink {
  readonly #options: InformerOptions<T>;
  readonly #reflector: Reflector;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<KeysHandler>();
  readonly #waiting: (() => void)[] = [];
  #listed: Set<string> | undefined;
  #changedByList = new Set<string>();
  #resync: Timer | undefined;
  #synced = false;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#reflector = new Reflector({ ...options, sink: this });
  }

  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  get reflector(): Reflector {
    return this.#reflector;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  onChange(handler: KeysHandler): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  /** Resolves once the first list is complete. */
  start(): Promise<void> {
    this.#reflector.start();
    this.#scheduleResync();
    return this.#synced ? Promise.resolve() : new Promise((resolve) => void this.#waiting.push(resolve));
  }

  stop(): void {
    this.#reflector.stop();
    this.#resync?.cancel();
  }

  begin(): void {
    this.#listed = new Set();
    this.#changedByList = new Set();
  }

  page(objects: readonly KubeObject[]): void {
    for (const object of objects) {
      const key = keyOf(object.metadata);
      this.#listed?.add(key);
      if (this.#put(key, object)) this.#changedByList.add(key);
    }
  }

  complete(): void {
    const listed = this.#listed ?? new Set();
    this.#listed = undefined;
    for (const key of this.#objects.keys()) {
      if (listed.has(key)) continue;
      this.#objects.delete(key);
      this.#changedByList.add(key);
    }
    this.#synced = true;
    this.#tell(this.#changedByList);
    this.#changedByList = new Set();
    if (this.#reflector.state !== 'absent') this.#options.listed?.();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  events(events: readonly { readonly type: string; readonly object: KubeObject }[]): void {
    const changed = new Set<string>();
    for (const { type, object } of events) {
      const key = keyOf(object.metadata);
      if (type === 'DELETED' ? this.#objects.delete(key) : this.#put(key, object)) changed.add(key);
    }
    this.#tell(changed);
  }

  #put(key: string, object: KubeObject): boolean {
    const next = this.#options.prune(object);
    const former = this.#objects.get(key);
    if (next === undefined) return this.#objects.delete(key);
    if (former !== undefined && this.#options.same?.(former, next) === true) return false;
    this.#objects.set(key, next);
    return true;
  }

  #tell(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    for (const handler of [...this.#handlers]) handler(keys);
  }

  #scheduleResync(): void {
    const { resyncMs = 0, clock } = this.#options;
    this.#resync?.cancel();
    if (resyncMs <= 0) return;
    this.#resync = clock.setTimer(
      resyncMs,
      () => {
        this.#tell(new Set(this.#objects.keys()));
        this.#scheduleResync();
      },
      { unref: true },
    );
  }
}
