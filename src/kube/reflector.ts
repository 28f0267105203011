// Keeps a copy of one kind up to date: paged list, then watch with bookmarks; 410 Gone and broken watches are
// survived by relisting or resuming, with backoff and jitter (Kubernetes API concepts, "Efficient detection of changes").

import type { Clock, Logger, Random, Timer } from '#base';
import { Backoff } from './backoff.ts';
import type { KubeClient, Selectors } from './client.ts';
import { kubeErrorOf, type KubeError } from './errors.ts';
import {
  ABSENT_FIRST_MS,
  ABSENT_MOST_MS,
  RETRY_FIRST_MS,
  RETRY_MOST_MS,
  WATCH_GRACE_MS,
  WATCH_SECONDS,
} from './limits.ts';
import { type KubeObject, resourcePath, type ResourceType } from './object.ts';
import { type WatchEvent, WatchLines } from './watch-stream.ts';

/** Objects are handed over once and not kept: what is pruned from them here is gone. */
export interface ReflectorSink {
  /** A list begins: pages follow. */
  begin(): void;
  page(objects: readonly KubeObject[]): void;
  /** The list is complete: what was not in it does not exist. */
  complete(): void;
  /** Events that arrived together, in order. */
  events(events: readonly { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }[]): void;
}

export interface ReflectorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Versions of the same kind, the preferred one first; the first that is served is taken. */
  readonly types: readonly [ResourceType, ...ResourceType[]];
  readonly selectors?: Selectors;
  readonly sink: ReflectorSink;
}

export type ReflectorState = 'listing' | 'watching' | 'waiting' | 'absent' | 'stopped';

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  readonly #absentBackoff: Backoff;
  #type: ResourceType;
  #resourceVersion = '';
  #watch: { close(): void } | undefined;
  #timer: Timer | undefined;
  #stall: Timer | undefined;
  #run = 0;
  state: ReflectorState = 'stopped';
  /** Why the last attempt failed; '' when it did not. */
  problem = '';
  /** Lists so far: more than one means that a watch was lost. */
  lists = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#type = options.types[0];
    this.#backoff = new Backoff(options.random, RETRY_FIRST_MS, RETRY_MOST_MS);
    this.#absentBackoff = new Backoff(options.random, ABSENT_FIRST_MS, ABSENT_MOST_MS);
  }

  get type(): ResourceType {
    return this.#type;
  }

  start(): void {
    this.stop();
    this.#begin();
  }

  /** Forgets where it was and lists again. */
  relist(): void {
    if (this.state !== 'stopped') this.start();
  }

  stop(): void {
    this.#run++;
    this.state = 'stopped';
    this.#watch?.close();
    this.#watch = undefined;
    this.#timer?.cancel();
    this.#stall?.cancel();
  }

  #begin(): void {
    const run = ++this.#run;
    this.#list(run).catch((error: unknown) => {
      // A sink that throws is a bug; the kind must still not freeze.
      this.#options.log.error('a list was not taken in', {
        kind: this.#type.kind,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      this.#later(run, this.#backoff.nextMs(), () => this.#begin());
    });
  }

  async #list(run: number): Promise<void> {
    const { client, sink, selectors = {} } = this.#options;
    this.state = 'listing';
    this.#watch?.close();
    this.#watch = undefined;
    let next = '';
    let resourceVersion = '';
    let begun = false;
    do {
      const page = await client.page(this.#type, selectors, next);
      if (run !== this.#run) return;
      if (!page.ok) return this.#listFailed(run, page.error, next !== '');
      if (!begun) sink.begin();
      begun = true;
      sink.page(page.value.items);
      next = page.value.next;
      resourceVersion = page.value.resourceVersion;
    } while (next !== '');
    this.lists++;
    this.problem = '';
    this.#backoff.reset();
    this.#absentBackoff.reset();
    this.#resourceVersion = resourceVersion;
    sink.complete();
    if (run === this.#run) this.#startWatch(run);
  }

  #listFailed(run: number, error: KubeError, midway: boolean): void {
    const { types, log, sink } = this.#options;
    this.problem = error.message;
    if (error.code === 'kube_gone' && midway) return this.#later(run, this.#backoff.nextMs(), () => this.#begin());
    if (error.code === 'kube_not_found') {
      const index = types.indexOf(this.#type);
      const other = types[index + 1];
      if (other !== undefined) {
        this.#type = other;
        this.#begin();
        return;
      }
      this.#type = types[0];
      this.state = 'absent';
      sink.begin();
      sink.complete();
      return this.#later(run, this.#absentBackoff.nextMs(), () => this.#begin());
    }
    if (this.#backoff.failures === 0 || this.#backoff.failures % 10 === 0)
      log.warn('a list failed; it is tried again', { kind: this.#type.kind, reason: error.message });
    this.state = 'waiting';
    this.#later(run, Math.max(error.retryAfterMs, this.#backoff.nextMs()), () => this.#begin());
  }

  #startWatch(run: number): void {
    const { client, random, clock, selectors = {} } = this.#options;
    const seconds = Math.floor(WATCH_SECONDS * (1 + random.float()));
    const { namespace, labelSelector, fieldSelector } = selectors;
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: seconds,
      labelSelector,
      fieldSelector,
    };
    const path = resourcePath(this.#type, namespace === undefined ? {} : { namespace }, query);
    const lines = new WatchLines();
    const openedMs = clock.now();
    let heard = false;
    this.state = 'watching';
    this.#stall?.cancel();
    this.#stall = clock.setTimer(
      seconds * 1000 + WATCH_GRACE_MS,
      () => {
        this.#watch?.close();
        if (run === this.#run) this.#resume(run, true);
      },
      { unref: true },
    );
    this.#watch = client.transport.stream(
      { method: 'GET', path, timeoutMs: 0 },
      {
        onOpen: () => {
          this.problem = '';
        },
        onData: (text) => {
          if (run !== this.#run) return;
          const events = lines.push(text);
          heard = true;
          if (events === undefined) {
            this.#watch?.close();
            this.problem = 'the watch sent what is no event';
            this.#resume(run, false);
          } else this.#take(run, events);
        },
        onClose: ({ answer, error }) => {
          if (run !== this.#run) return;
          if (answer !== undefined)
            return this.#refused(run, kubeErrorOf(answer.status, answer.body, 'watch', answer.retryAfterMs));
          if (error !== undefined) this.problem = error;
          this.#resume(run, heard || clock.now() - openedMs > 1000);
        },
      },
    );
  }

  #take(run: number, events: readonly WatchEvent[]): void {
    const changes: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }[] = [];
    let gone: WatchEvent | undefined;
    for (const event of events) {
      if (event.type === 'ERROR') {
        gone = event;
        break;
      }
      this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
      if (event.type !== 'BOOKMARK') changes.push({ type: event.type, object: event.object });
    }
    if (changes.length > 0) this.#options.sink.events(changes);
    if (run !== this.#run) return;
    if (gone === undefined) {
      this.#backoff.reset();
      return;
    }
    this.#watch?.close();
    const { code } = gone.object as unknown as { code?: number };
    this.#refused(run, kubeErrorOf(code ?? 500, JSON.stringify(gone.object), 'watch'));
  }

  #refused(run: number, error: KubeError): void {
    this.problem = error.message;
    // An expired version, or a kind that was removed: only a list tells what exists.
    if (error.code === 'kube_gone' || error.code === 'kube_not_found' || error.code === 'kube_invalid') {
      this.#later(run, this.#backoff.nextMs(), () => this.#begin());
    } else {
      this.#later(run, Math.max(error.retryAfterMs, this.#backoff.nextMs()), () => this.#startWatch(this.#run));
    }
  }

  /** From where the watch stood; at once when it had worked. */
  #resume(run: number, worked: boolean): void {
    if (worked) this.#backoff.reset();
    // Even after a good watch a little jitter: all replicas lose theirs together when an API server goes.
    const wait = worked ? this.#options.random.float() * 100 : this.#backoff.nextMs();
    if (this.#backoff.failures > 5) this.#later(run, wait, () => this.#begin());
    else this.#later(run, wait, () => this.#startWatch(this.#run));
  }

  #later(run: number, ms: number, next: () => void): void {
    if (run !== this.#run) return;
    this.#stall?.cancel();
    this.#timer?.cancel();
    if (this.state !== 'absent') this.state = 'waiting';
    this.#timer = this.#options.clock.setTimer(ms, () => {
      if (run === this.#run) next();
    });
  }
}
