// Fans taps out to the agents that fit and their records in to who asked; keeps the last records for `explain`.
import { isUndeclared, requestTree, type TapRecordJson, type TreeHop, type Undeclared } from '#telemetry';

export interface TapFilter {
  /** '' for every workload; else NAME or NAMESPACE/NAME. */
  readonly workload: string;
  readonly pathPrefix: string;
  readonly status: string;
  readonly to: string;
  /** From each proxy, of each direction. */
  readonly perSecondMax: number;
}

export interface TapAgent {
  readonly workload: string;
  readonly namespace: string;
  start(subscription: bigint, filter: TapFilter): void;
  stop(subscription: bigint): void;
}

interface Subscription {
  readonly filter: TapFilter;
  readonly take: (json: string) => void;
}

export const TAP_SUBSCRIPTIONS_MAX = 32;
/** About a kilobyte each. */
const KEPT_RECORDS = 5_000;
/** A record that is no record of ours is not worth keeping. */
const RECORD_CHARACTERS_MAX = 16_384;

export class TapHub {
  readonly #agents = new Set<TapAgent>();
  readonly #subscriptions = new Map<bigint, Subscription>();
  readonly #kept: { readonly id: string; readonly json: string }[] = [];
  #next = 1n;
  /** Which service was meant by what nothing declares. */
  undeclared: (record: TapRecordJson) => Undeclared | undefined = () => undefined;

  /** Returns what ends it; undefined when too many listen already. */
  listen(filter: TapFilter, take: (json: string) => void): (() => void) | undefined {
    if (this.#subscriptions.size >= TAP_SUBSCRIPTIONS_MAX) return undefined;
    const id = this.#next++;
    this.#subscriptions.set(id, { filter, take });
    for (const agent of this.#agents) if (fits(filter, agent)) agent.start(id, filter);
    return () => {
      if (!this.#subscriptions.delete(id)) return;
      for (const agent of this.#agents) if (fits(filter, agent)) agent.stop(id);
    };
  }

  /** An agent's stream opened; the answer is called when it closes. */
  joined(agent: TapAgent): () => void {
    this.#agents.add(agent);
    for (const [id, { filter }] of this.#subscriptions) if (fits(filter, agent)) agent.start(id, filter);
    return () => void this.#agents.delete(agent);
  }

  /** `agent` is who sent it: a record of another workload is not believed. */
  record(agent: Pick<TapAgent, 'workload' | 'namespace'>, subscription: bigint, told: string): void {
    const asked = this.#subscriptions.get(subscription);
    if (asked === undefined || told.length > RECORD_CHARACTERS_MAX) return;
    const record = readRecord(told);
    if (
      record === undefined ||
      record.workload !== agent.workload ||
      record.namespace !== agent.namespace ||
      !fits(asked.filter, agent)
    )
      return;
    const undeclared = isUndeclared(record) ? this.undeclared(record) : undefined;
    const json = undeclared === undefined ? told : JSON.stringify({ ...record, undeclared });
    if (record.id !== '') {
      if (this.#kept.length >= KEPT_RECORDS) this.#kept.splice(0, KEPT_RECORDS / 10);
      this.#kept.push({ id: record.id, json });
    }
    asked.take(json);
  }

  /** All that was told about a request, each hop once for each side and after what caused it. */
  explain(id: string): readonly TreeHop[] {
    // Told through two subscriptions it is the same text; two calls alike differ in their times at least.
    const unique = new Set(this.#kept.filter((one) => one.id === id).map((one) => one.json));
    return requestTree(Array.from(unique, (json) => JSON.parse(json) as TapRecordJson));
  }
}

function fits({ workload }: TapFilter, agent: Pick<TapAgent, 'workload' | 'namespace'>): boolean {
  return (
    workload === '' ||
    workload === agent.workload ||
    workload === `${agent.namespace}/${agent.workload}` ||
    workload === `${agent.workload}.${agent.namespace}`
  );
}

function readRecord(json: string): TapRecordJson | undefined {
  try {
    const record = JSON.parse(json) as Partial<TapRecordJson> | null;
    const whole =
      typeof record?.id === 'string' &&
      typeof record.workload === 'string' &&
      typeof record.source?.workload === 'string' &&
      typeof record.destination?.workload === 'string' &&
      Number.isFinite(record.atMs) &&
      Number.isFinite(record.durationMs);
    return whole ? (record as TapRecordJson) : undefined;
  } catch {
    return undefined;
  }
}
