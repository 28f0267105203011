// Sheds load before the process dies of it: looks at memory and at the loop's lag while there are connections, and
// turns Envoy's overload actions on and off (Envoy: "overload manager").

import type { Clock, Logger, Timer } from '#base';
import type { Counter, Gauge, StatStore } from '#telemetry';
import {
  ActionStates,
  DEFAULT_THRESHOLDS,
  OVERLOAD_ACTIONS,
  type OverloadAction,
  type OverloadThresholds,
} from './overload-actions.ts';
import { DEFAULT_STREAM_RESET, type Holder, largestHolders, leastHeld, type StreamReset } from './held-memory.ts';

/** A quarter of a second of a fast network fills some MB: less than lies between two thresholds of a small process. */
const LOOK_MS = 250;
/** Lag of the loop that counts as full, and only when it lasts: one long turn is no overload. */
const LAG_FULL_MS = 1000;
const LAG_LOOKS = 8;
/** So many looks after it was given back what could be, it is tried again: it stops the loop for about 1 ms a MB. */
const SHRINK_LOOKS = 20;
/**
 * So many looks between two resets of the streams that hold the most, and before the first: one to give back what can be
 * given back, one to see what it brought, and a shortage that passes by itself costs nobody anything.
 */
const STREAM_RESET_LOOKS = 4;
/** Of the connections that are open, how many go at one look. */
const RESET_SHARE = 0.1;

export interface OverloadOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stats: StatStore;
  /** Memory in use as a share of what the process may have; undefined = it has no limit. Called four times a second. */
  readonly memory?: (() => number) | undefined;
  readonly thresholds?: OverloadThresholds;
  /** Default: `DEFAULT_STREAM_RESET`. */
  readonly streamReset?: StreamReset | undefined;
  /** Open connections of all listeners. */
  readonly connections: () => number;
  /** Closes that many connections, the newest first. */
  readonly resetNewest: (count: number) => void;
  /** All that hold at least so many bytes. */
  readonly holders: (leastBytes: number) => Iterable<Holder>;
  /** Gives back what can be given back: when memory begins to be short, and every few seconds while it is. */
  readonly shrink?: (() => void) | undefined;
}

export class OverloadManager {
  /** Responses end their connection. */
  closing = false;
  /** New requests are answered 503 `OM`. */
  refusingRequests = false;
  /** New connections are closed at once. */
  refusingConnections = false;
  readonly #options: OverloadOptions;
  readonly #streamReset: StreamReset;
  readonly #states: ActionStates;
  readonly #lags: number[] = [];
  readonly #memoryPressure: Gauge;
  readonly #lagPressure: Gauge;
  readonly #active = new Map<OverloadAction, Gauge>();
  readonly #streamsReset: Counter;
  #timer: Timer | undefined;
  #dueMs = 0;
  #looksToShrink = 0;
  #looksToReset = STREAM_RESET_LOOKS;

  constructor(options: OverloadOptions) {
    this.#options = options;
    const reset = options.streamReset ?? DEFAULT_STREAM_RESET;
    this.#streamReset = reset;
    const thresholds = options.thresholds ?? DEFAULT_THRESHOLDS;
    this.#states = new ActionStates({ ...thresholds, reset_high_memory_stream: reset.from });
    const { stats } = options;
    this.#memoryPressure = stats.gauge('overload.envoy.resource_monitors.fixed_heap.pressure');
    this.#lagPressure = stats.gauge('overload.topsail.resource_monitors.loop_lag.pressure');
    this.#streamsReset = stats.counter('envoy.overload_actions.reset_high_memory_stream.count');
    for (const action of OVERLOAD_ACTIONS) {
      const active = stats.gauge(`overload.envoy.overload_actions.${action}.active`);
      active.set(0);
      this.#active.set(action, active);
    }
  }

  /** A connection came: it is looked as long as there are any. An idle process has no timer of ours. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#lags.length = 0;
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#dueMs = clock.now() + LOOK_MS;
    this.#timer = clock.setTimer(LOOK_MS, () => this.#look(), { unref: true });
  }

  #look(): void {
    this.#timer = undefined;
    const memory = this.#options.memory?.() ?? 0;
    const lag = this.#lastingLag();
    this.#memoryPressure.set(Math.round(memory * 100));
    this.#lagPressure.set(Math.round(lag * 100));
    const changed = this.#states.update(memory, lag);
    if (changed.length > 0) this.#apply(changed, memory, lag);
    const resetting = this.#states.has('reset_high_memory_stream');
    // Before anybody is reset.
    if ((!this.closing && !resetting) || changed.includes('reset_high_memory_stream')) this.#looksToShrink = 0;
    if (resetting || (this.closing && memory > lag)) this.#shrink();
    if (resetting) this.#resetStreams(memory);
    else this.#looksToReset = STREAM_RESET_LOOKS;
    const open = this.#options.connections();
    if (this.#states.has('reset_newest_connections') && open > 0) {
      const count = Math.ceil(open * RESET_SHARE);
      this.#options.resetNewest(count);
      this.#options.log.warn('overload: connections were closed', { connections: count });
    }
    // While anything is refused it goes on looking: a refused connection does not call `watch`.
    if (open > 0 || this.closing || resetting) this.#arm();
  }

  /** The least of the last looks: what all of them had. */
  #lastingLag(): number {
    const lags = this.#lags;
    lags.push(Math.max(0, this.#options.clock.now() - this.#dueMs));
    if (lags.length < LAG_LOOKS) return 0;
    if (lags.length > LAG_LOOKS) lags.shift();
    return Math.min(...lags) / LAG_FULL_MS;
  }

  #apply(changed: readonly OverloadAction[], memory: number, lag: number): void {
    const states = this.#states;
    this.closing = states.has('disable_http_keepalive');
    this.refusingRequests = states.has('stop_accepting_requests');
    this.refusingConnections = states.has('stop_accepting_connections');
    for (const action of changed) {
      const active = states.has(action);
      this.#active.get(action)?.set(active ? 1 : 0);
      this.#options.log[active ? 'warn' : 'info'](active ? 'overload: an action began' : 'overload: an action ended', {
        action,
        memory: `${Math.round(memory * 100)} %`,
        lag: `${Math.round(lag * LAG_FULL_MS)} ms`,
      });
    }
  }

  #resetStreams(memory: number): void {
    if (--this.#looksToReset > 0) return;
    this.#looksToReset = STREAM_RESET_LOOKS;
    const { holders, bytes } = largestHolders(this.#options.holders(leastHeld(this.#streamReset, memory)));
    if (holders.length === 0) return;
    for (const holder of holders) holder.shed();
    this.#streamsReset.add(holders.length);
    this.#options.log.warn('overload: those that held the most were reset', { streams: holders.length, bytes });
    // They are closed by the next look.
    this.#looksToShrink = 0;
  }

  /** Where nobody is let in nothing is allocated, and V8 would not collect what those left who went. */
  #shrink(): void {
    if (this.#looksToShrink-- > 0) return;
    this.#looksToShrink = SHRINK_LOOKS - 1;
    this.#options.shrink?.();
  }
}
