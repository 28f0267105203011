// Walks one push through its steps, each gated on the acknowledgement of the one before (design 5).
import { type Clock, type ResourceSet, type Timer, TYPE_URL, type XdsResource } from '#base';
import { XDS_LIMITS } from '../limits.ts';
import { byRank, inStep, type PushStep, pushSteps } from './push-order.ts';
import { isFullStateType } from './subscription.ts';
import type { TypeState } from './type-state.ts';

/** The stream that a sequence pushes on. */
export interface PushHost {
  readonly clock: Clock;
  readonly types: ReadonlyMap<string, TypeState>;
  readonly writable: boolean;
  /** Something of this push was rejected: what is in force may still refer to what is gone. */
  readonly rejected: boolean;
  all(typeUrl: string): ReadonlyMap<string, XdsResource>;
  send(type: TypeState, changed: readonly XdsResource[], removed: readonly string[], keepGone: boolean): void;
  lagging(step: PushStep['name']): void;
  guard(action: () => void): void;
  finished(): void;
}

export class PushSequence {
  readonly #host: PushHost;
  #steps: readonly PushStep[] = [];
  #index = -1;
  #overdue = false;
  #timer: Timer | undefined;
  #previous: ResourceSet | undefined;
  #changedClusters = new Set<string>();
  /** Names that the client is bound to ask for because of what it was just sent. */
  #expected: { readonly typeUrl: string; readonly names: ReadonlySet<string> } | undefined;

  constructor(host: PushHost) {
    this.#host = host;
  }

  get running(): boolean {
    return this.#index >= 0;
  }

  /** `previous` is what the push before this one was made of. */
  start(previous: ResourceSet | undefined): void {
    const clusters = this.#host.types.get(TYPE_URL.cluster);
    this.#steps = pushSteps(clusters === undefined || clusters.subscription.wildcard);
    this.#previous = previous;
    this.#changedClusters = new Set();
    this.#index = 0;
    this.#begin();
    this.poke();
  }

  /** Looks whether the present step is done; called after every answer, subscription and drain. */
  poke(): void {
    while (this.running && this.#host.writable && (this.#overdue || this.#answered())) {
      this.#index++;
      if (this.#index >= this.#steps.length) {
        this.stop();
        this.#host.finished();
        return;
      }
      this.#begin();
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#index = -1;
    this.#expected = undefined;
  }

  #begin(): void {
    const step = this.#steps[this.#index] as PushStep;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#overdue = false;
    this.#expected = undefined;
    if (step.name === 'removals' && this.#host.rejected) return;
    for (const type of this.#typesOf(step)) this.#push(step, type);
    if (!this.#answered()) {
      this.#timer = this.#host.clock.setTimer(XDS_LIMITS.stepMs, () => this.#deadline(step), { unref: true });
    }
  }

  #deadline(step: PushStep): void {
    this.#overdue = true;
    this.#host.lagging(step.name);
    this.#host.guard(() => this.poke());
  }

  #push(step: PushStep, type: TypeState): void {
    const all = this.#host.all(type.typeUrl);
    const changed = type.changed(all);
    const removes = step.removes(type.typeUrl);
    const removed = removes ? type.gone(all) : [];
    if (type.typeUrl === TYPE_URL.cluster) for (const resource of changed) this.#changedClusters.add(resource.name);
    if (type.typeUrl === TYPE_URL.endpoint && step.name === 'clusters')
      this.#endpointsOfChangedClusters(type, all, changed);
    if (type.typeUrl === TYPE_URL.listener && changed.length > 0) this.#expectRoutes();
    if (changed.length > 0 || removed.length > 0) this.#host.send(type, changed, removed, !removes);
  }

  /**
   * A changed cluster warms until its endpoints come, but the client does not ask for them again:
   * they are sent whether they changed or not. Those of a new cluster it will ask for.
   */
  #endpointsOfChangedClusters(type: TypeState, all: ReadonlyMap<string, XdsResource>, changed: XdsResource[]): void {
    const listed = new Set(changed);
    const expected = new Set<string>();
    for (const name of this.#changedClusters) {
      const resource = all.get(name);
      if (resource === undefined) continue;
      if (!type.wants(name)) expected.add(name);
      else if (!listed.has(resource)) changed.push(resource);
    }
    if (expected.size > 0) this.#expected = { typeUrl: type.typeUrl, names: expected };
  }

  /** New listeners bring new route names with them; removals wait until these are in force. */
  #expectRoutes(): void {
    const routes = this.#host.types.get(TYPE_URL.route);
    if (routes === undefined || routes.subscription.wildcard || this.#previous === undefined) return;
    const before = this.#previous.get(TYPE_URL.route);
    const names = new Set<string>();
    for (const name of this.#host.all(TYPE_URL.route).keys())
      if (before?.has(name) !== true && !routes.wants(name)) names.add(name);
    if (names.size > 0) this.#expected = { typeUrl: TYPE_URL.route, names };
  }

  #answered(): boolean {
    const step = this.#steps[this.#index] as PushStep;
    if (this.#expected !== undefined) {
      const type = this.#host.types.get(this.#expected.typeUrl);
      for (const name of this.#expected.names) if (type?.wants(name) !== true) return false;
    }
    for (const type of this.#typesOf(step)) {
      if (type.outstanding.length > 0 || type.owed.size > 0) return false;
      if (
        step.name === 'everything' &&
        type.typeUrl !== TYPE_URL.extensionConfig &&
        !isFullStateOfListeners(type) &&
        type.gone(this.#host.all(type.typeUrl)).length > 0
      )
        return false;
    }
    return true;
  }

  #typesOf(step: PushStep): TypeState[] {
    return [...this.#host.types.values()]
      .filter((type) => inStep(step, type.typeUrl))
      .sort((a, b) => byRank(a.typeUrl, b.typeUrl));
  }
}

/** Listeners that are gone were removed in the first step already. */
function isFullStateOfListeners(type: TypeState): boolean {
  return isFullStateType(type.typeUrl) && type.typeUrl === TYPE_URL.listener;
}

/** A client that took its clusters but has not asked for its listeners yet has nothing in force. */
export function stillStarting(types: ReadonlyMap<string, TypeState>, resources: ResourceSet | undefined): boolean {
  if (types.get(TYPE_URL.cluster)?.subscription.wildcard !== true || types.has(TYPE_URL.listener)) return false;
  return (resources?.get(TYPE_URL.listener)?.size ?? 0) > 0;
}
