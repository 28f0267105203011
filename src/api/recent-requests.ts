// The requests of the last minutes, sampled at every proxy and folded by what decided them: what "what if", "who was
// denied" and `explain` look at without anyone having listened. Bounded in kinds of requests, whatever is asked.
import type { Clock } from '#base';
import type { TapRecordJson } from '#telemetry';
import type { TapFilter, TapHub } from './tap-hub.ts';

/** Requests alike: same ends, path, decision and outcome. */
export interface RecentRequest {
  /** The latest of them. */
  readonly last: TapRecordJson;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** The latest few, for `explain`. */
  readonly ids: readonly string[];
  readonly durationsMs: readonly number[];
}

interface Kind {
  last: TapRecordJson;
  count: number;
  readonly firstMs: number;
  lastMs: number;
  readonly ids: string[];
  readonly durationsMs: number[];
}

/** Kinds of requests remembered, about two kilobytes each. */
const KINDS_MAX = 4_000;
/** Longer ago says nothing about an edit that is made now. */
const KEPT_MS = 15 * 60_000;
const IDS_MAX = 5;
const DURATIONS_MAX = 50;
/** All proxies together, before records are read: a mesh of thousands costs the control plane no more. */
const PER_SECOND_MAX = 500;
/** A denied or failed request comes through two subscriptions: so many are known again. */
const SEEN_MAX = 2_000;
/** What failed or was denied is rare beside the rest, and asked for most. */
const STATUSES: readonly string[] = ['', '401', '403', '5xx'];

export class RecentRequests {
  readonly #clock: Clock;
  /** The least recently seen first. */
  readonly #kinds = new Map<string, Kind>();
  #seen = new Set<string>();
  #second = 0;
  #taken = 0;

  /** `perSecond`: of each proxy and direction, for each of a few classes of status; 0 remembers nothing. */
  constructor(hub: Pick<TapHub, 'listen'>, clock: Clock, perSecond: number) {
    this.#clock = clock;
    if (perSecond <= 0) return;
    for (const status of STATUSES) {
      const filter: TapFilter = { workload: '', pathPrefix: '', to: '', status, perSecondMax: perSecond };
      hub.listen(filter, (json) => this.#take(json));
    }
  }

  /** The most frequent first. */
  list(): readonly RecentRequest[] {
    this.#expire();
    return [...this.#kinds.values()].sort((a, b) => b.count - a.count);
  }

  #take(json: string): void {
    const now = this.#clock.wallTime();
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) [this.#second, this.#taken] = [second, 0];
    if (++this.#taken > PER_SECOND_MAX) return;
    const record = JSON.parse(json) as TapRecordJson;
    if (this.#isKnown(record)) return;
    const key = kindOf(record);
    const kind = this.#kinds.get(key) ?? this.#add(record, now);
    this.#kinds.delete(key);
    this.#kinds.set(key, kind);
    kind.last = record;
    kind.count += 1;
    kind.lastMs = now;
    push(kind.durationsMs, record.durationMs, DURATIONS_MAX);
    if (record.id !== '') push(kind.ids, record.id, IDS_MAX);
  }

  #add(last: TapRecordJson, now: number): Kind {
    const oldest = this.#kinds.size >= KINDS_MAX ? this.#kinds.keys().next().value : undefined;
    if (oldest !== undefined) this.#kinds.delete(oldest);
    return { last, count: 0, firstMs: now, lastMs: now, ids: [], durationsMs: [] };
  }

  #isKnown({ id, namespace, workload, direction, atMs, durationMs, path }: TapRecordJson): boolean {
    if (id === '') return false;
    const key = `${id} ${namespace}/${workload} ${direction} ${atMs} ${durationMs} ${path}`;
    if (this.#seen.has(key)) return true;
    if (this.#seen.size >= SEEN_MAX) this.#seen = new Set();
    this.#seen.add(key);
    return false;
  }

  #expire(): void {
    const before = this.#clock.wallTime() - KEPT_MS;
    for (const [key, { lastMs }] of this.#kinds) {
      if (lastMs >= before) return;
      this.#kinds.delete(key);
    }
  }
}

function kindOf(one: TapRecordJson): string {
  return [
    one.direction,
    `${one.namespace}/${one.workload}`,
    `${one.source.namespace}/${one.source.workload}`,
    one.source.principal,
    one.mtls,
    `${one.destination.namespace}/${one.destination.workload}`,
    one.method,
    one.authority,
    one.path,
    one.virtualHost,
    one.route,
    one.cluster,
    one.status,
    one.flags.join(','),
    one.policy,
  ].join(' ');
}

function push<T>(list: T[], value: T, most: number): void {
  if (list.length >= most) list.shift();
  list.push(value);
}
