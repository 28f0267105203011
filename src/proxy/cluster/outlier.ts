// Outlier detection of one cluster: counts what hosts answer, ejects those that stand out, lets them back in time (Envoy: outlier detection).

import type { Clock, Random, Timer } from '#base';
import type { ClusterHosts } from './cluster-hosts.ts';
import { type SharedTally, TALLY } from '../shared/shared-tally.ts';
import { HEALTH, type Host } from './host.ts';
import type { EjectionCause, OutlierSettings } from './outlier-settings.ts';

/** What a host did. Local origin: it was our side that saw no answer. */
export type HostOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** In its place, where the cluster says itself what an error is. */
      readonly judged?: number;
    }
  | { readonly kind: 'request-failed' }
  /** `whole`: of TCP, where nothing else is known of the endpoint. */
  | { readonly kind: 'connected'; readonly whole?: true }
  | { readonly kind: 'connect-failed' }
  | { readonly kind: 'timeout' };

interface Tally {
  total: number;
  success: number;
}

class HostMonitor {
  consecutive5xx = 0;
  consecutiveGateway = 0;
  consecutiveLocal = 0;
  readonly external: Tally = { total: 0, success: 0 };
  readonly local: Tally = { total: 0, success: 0 };
  /** How many times the base time the next ejection lasts; grows with every ejection, falls with every quiet interval. */
  backoff = 0;
  ejectedAtMs = 0;
  unejectedAtMs = 0;
  jitterMs = 0;
  ejections = 0;
}

export interface EjectionListener {
  /** Somebody stands out, whatever comes of it. */
  detected?(cause: EjectionCause): void;
  /** He stays because too many are out already. */
  overflow?(): void;
  ejected?(host: Host, cause: EjectionCause): void;
  unejected?(host: Host): void;
}

export class OutlierDetector {
  readonly #hosts: ClusterHosts;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listener: EjectionListener;
  #settings: OutlierSettings;
  #timer: Timer | undefined;

  constructor(
    settings: OutlierSettings,
    hosts: ClusterHosts,
    clock: Clock,
    random: Random,
    listener: EjectionListener = {},
  ) {
    this.#settings = settings;
    this.#hosts = hosts;
    this.#clock = clock;
    this.#random = random;
    this.#listener = listener;
    this.#schedule();
  }

  /** New settings count from now on, a shorter interval too; hosts keep their ejections. */
  update(settings: OutlierSettings): void {
    const { intervalMs } = this.#settings;
    this.#settings = settings;
    if (settings.intervalMs === intervalMs) return;
    this.#timer?.cancel();
    this.#schedule();
  }

  /** Lets everybody back in, with nothing held against them: detection is no longer configured. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const host of this.#hosts.all()) {
      const monitor = monitorOf(host);
      if (host.ejected) this.#uneject(host, monitor);
      else forget(host, monitor);
      host.outlier = undefined;
    }
  }

  report(host: Host, outcome: HostOutcome): void {
    if (host.removed) return;
    const split = this.#settings.splitLocalOrigin;
    switch (outcome.kind) {
      case 'answer':
        this.#answered(host, outcome.judged ?? outcome.status);
        return;
      case 'request-failed':
        this.#answered(host, 500);
        return;
      case 'connected':
        if (split) this.#local(host, true);
        else if (outcome.whole === true) this.#answered(host, 200);
        return;
      case 'connect-failed':
        if (split) this.#local(host, false);
        else this.#answered(host, 503);
        return;
      case 'timeout':
        if (split) this.#local(host, false);
        else this.#answered(host, 504);
    }
  }

  /** A worker counted as many failures in a row as are allowed. */
  askedToEject(host: Host, cause: EjectionCause): void {
    this.#eject(host, cause);
  }

  /** An active check of an ejected host passed. */
  activeCheckPassed(host: Host): void {
    if (this.#settings.unejectOnHealthCheck && host.ejected) this.#uneject(host, monitorOf(host));
  }

  get activeEjections(): number {
    let count = 0;
    for (const host of this.#hosts.all()) if (host.ejected) count++;
    return count;
  }

  #answered(host: Host, status: number): void {
    const monitor = monitorOf(host);
    monitor.external.total++;
    if (status < 500) {
      monitor.external.success++;
      monitor.consecutive5xx = 0;
      monitor.consecutiveGateway = 0;
      return;
    }
    if (status === 502 || status === 503 || status === 504) {
      if (++monitor.consecutiveGateway === this.#settings.consecutiveGateway) {
        this.#eject(host, 'consecutive-gateway-failure');
        monitor.consecutiveGateway = 0;
      }
    } else monitor.consecutiveGateway = 0;
    if (++monitor.consecutive5xx === this.#settings.consecutive5xx) {
      this.#eject(host, 'consecutive-5xx');
      monitor.consecutive5xx = 0;
    }
  }

  #local(host: Host, success: boolean): void {
    const monitor = monitorOf(host);
    monitor.local.total++;
    if (success) {
      monitor.local.success++;
      monitor.consecutiveLocal = 0;
    } else if (++monitor.consecutiveLocal === this.#settings.consecutiveLocal) {
      this.#eject(host, 'consecutive-local-origin-failure');
      monitor.consecutiveLocal = 0;
    }
  }

  #eject(host: Host, cause: EjectionCause): void {
    if (host.ejected) return;
    const settings = this.#settings;
    this.#listener.detected?.(cause);
    if (this.#random.float() * 100 >= settings.enforce[cause]) return;
    const active = this.activeEjections;
    const share = (100 * (active + 1)) / this.#hosts.size;
    if (share > settings.maxEjectionPercent && !(settings.alwaysEjectOne && active === 0))
      return this.#listener.overflow?.();
    const monitor = monitorOf(host);
    monitor.ejections++;
    monitor.ejectedAtMs = this.#clock.now();
    if (monitor.backoff * settings.baseEjectionMs < settings.maxEjectionMs + settings.baseEjectionMs) monitor.backoff++;
    monitor.jitterMs = settings.maxJitterMs === 0 ? 0 : this.#random.float() * settings.maxJitterMs;
    this.#hosts.setUnhealthy(host, HEALTH.ejected, true);
    this.#listener.ejected?.(host, cause);
  }

  #uneject(host: Host, monitor: HostMonitor): void {
    monitor.unejectedAtMs = this.#clock.now();
    forget(host, monitor);
    this.#hosts.setUnhealthy(host, HEALTH.ejected, false);
    this.#listener.unejected?.(host);
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(
      this.#settings.intervalMs,
      () => {
        this.#onInterval();
        this.#schedule();
      },
      { unref: true },
    );
  }

  #onInterval(): void {
    for (const host of this.#hosts.all()) {
      if (host.tally !== undefined) collect(host.tally, monitorOf(host));
      this.#checkReturn(host);
    }
    this.#judgeRates('external', 'success-rate', 'failure-percentage');
    if (this.#settings.splitLocalOrigin)
      this.#judgeRates('local', 'success-rate-local-origin', 'failure-percentage-local-origin');
    for (const host of this.#hosts.all()) {
      const monitor = monitorOf(host);
      monitor.external.total = monitor.external.success = 0;
      monitor.local.total = monitor.local.success = 0;
    }
  }

  #checkReturn(host: Host): void {
    const monitor = monitorOf(host);
    const { baseEjectionMs, maxEjectionMs, intervalMs } = this.#settings;
    const now = this.#clock.now();
    if (host.ejected) {
      if (monitor.ejectedAtMs + Math.min(baseEjectionMs * monitor.backoff, maxEjectionMs) + monitor.jitterMs <= now)
        this.#uneject(host, monitor);
    } else if (monitor.backoff > 0 && now - monitor.unejectedAtMs >= intervalMs) monitor.backoff--;
  }

  #judgeRates(which: 'external' | 'local', rateCause: EjectionCause, failureCause: EjectionCause): void {
    const settings = this.#settings;
    const measured: { readonly host: Host; readonly rate: number; readonly total: number }[] = [];
    for (const host of this.#hosts.all()) {
      const tally = monitorOf(host)[which];
      // Hosts that are out answer nobody and would distort the mean.
      if (!host.ejected && tally.total > 0)
        measured.push({ host, rate: (100 * tally.success) / tally.total, total: tally.total });
    }
    const rated = measured.filter(({ total }) => total >= settings.successRateVolume);
    if (rated.length > 0 && rated.length >= settings.successRateHosts) {
      const mean = rated.reduce((sum, { rate }) => sum + rate, 0) / rated.length;
      const deviation = Math.sqrt(rated.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rated.length);
      const threshold = mean - settings.successRateFactor * deviation;
      for (const { host, rate } of rated) if (rate < threshold) this.#eject(host, rateCause);
    }
    const counted = measured.filter(({ total }) => total >= settings.failurePercentageVolume);
    if (counted.length > 0 && counted.length >= settings.failurePercentageHosts) {
      for (const { host, rate } of counted)
        if (100 - rate >= settings.failurePercentageThreshold) this.#eject(host, failureCause);
    }
  }
}

/** The failures in a row, here and at workers. */
function forget(host: Host, monitor: HostMonitor): void {
  monitor.consecutive5xx = 0;
  monitor.consecutiveGateway = 0;
  monitor.consecutiveLocal = 0;
  for (const cell of [TALLY.consecutive5xx, TALLY.consecutiveGateway, TALLY.consecutiveLocal]) host.tally?.drain(cell);
}

/** What workers counted since the last look. */
function collect(tally: SharedTally, { external, local }: HostMonitor): void {
  external.total += tally.drain(TALLY.externalTotal);
  external.success += tally.drain(TALLY.externalSuccess);
  local.total += tally.drain(TALLY.localTotal);
  local.success += tally.drain(TALLY.localSuccess);
}

function monitorOf(host: Host): HostMonitor {
  if (!(host.outlier instanceof HostMonitor)) host.outlier = new HostMonitor();
  return host.outlier as HostMonitor;
}
