// Active health checks of one cluster: every endpoint is asked again and again, and takes no requests while it fails.

import { Deadline } from '#base';
import { CLUSTER } from '#telemetry';
import { HEALTH, type Host } from '../cluster/index.ts';
import type { Cluster } from './cluster.ts';
import type { HealthCheckSettings } from './health-check-settings.ts';
import { probeHost, type ProbeResult } from './health-probe.ts';

interface Watched {
  readonly host: Host;
  readonly next: Deadline;
  readonly late: Deadline;
  cancel: (() => void) | undefined;
  /** Answers of the other kind in a row. */
  streak: number;
}

export class HealthChecker {
  readonly #cluster: Cluster;
  readonly #settings: HealthCheckSettings;
  readonly #hosts = new Map<Host, Watched>();

  constructor(cluster: Cluster, settings: HealthCheckSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /** A new endpoint takes no requests before its first good answer. */
  add(host: Host): void {
    if (host.spec.healthCheckDisabled || this.#hosts.has(host)) return;
    const watched: Watched = {
      host,
      next: new Deadline(() => this.#ask(watched)),
      late: new Deadline(() => this.#lateAnswer(watched)),
      cancel: undefined,
      streak: 0,
    };
    this.#hosts.set(host, watched);
    this.#cluster.hosts.setUnhealthy(host, HEALTH.pendingFirstCheck, true);
    this.#ask(watched);
  }

  remove(host: Host): void {
    const watched = this.#hosts.get(host);
    if (watched === undefined) return;
    this.#hosts.delete(host);
    this.#stop(watched);
  }

  /** How many of those that are asked are well. */
  showGauges(): void {
    let healthy = 0;
    const ill = HEALTH.activeFailed | HEALTH.pendingFirstCheck;
    for (const { unhealthy } of this.#hosts.keys()) if ((unhealthy & ill) === 0) healthy++;
    this.#cluster.stats.set(CLUSTER['health_check.healthy'], healthy);
  }

  /** Hosts are as the assignment says from now on. */
  close(): void {
    for (const watched of this.#hosts.values()) {
      this.#stop(watched);
      this.#cluster.hosts.setUnhealthy(watched.host, HEALTH.pendingFirstCheck, false);
      this.#cluster.hosts.setUnhealthy(watched.host, HEALTH.activeFailed, false);
    }
    this.#hosts.clear();
  }

  #stop(watched: Watched): void {
    const { wheel } = this.#cluster.services;
    wheel.cancel(watched.next);
    wheel.cancel(watched.late);
    watched.cancel?.();
  }

  #ask(watched: Watched): void {
    const { wheel, clock } = this.#cluster.services;
    this.#cluster.stats.inc(CLUSTER['health_check.attempt']);
    wheel.arm(watched.late, this.#settings.timeoutMs, clock.now());
    let answered = false;
    const cancel = probeHost(this.#cluster, watched.host, this.#settings.probe, (result) => {
      answered = true;
      this.#answer(watched, result);
    });
    if (!answered) watched.cancel = cancel;
  }

  #lateAnswer(watched: Watched): void {
    watched.cancel?.();
    this.#answer(watched, 'no-answer');
  }

  #answer(watched: Watched, result: ProbeResult): void {
    const { wheel, clock, random } = this.#cluster.services;
    watched.cancel = undefined;
    wheel.cancel(watched.late);
    if (!this.#hosts.has(watched.host)) return;
    this.#judge(watched, result);
    const { intervalMs, unhealthyIntervalMs, jitterMs } = this.#settings;
    const failing = (watched.host.unhealthy & (HEALTH.activeFailed | HEALTH.pendingFirstCheck)) !== 0;
    wheel.arm(watched.next, (failing ? unhealthyIntervalMs : intervalMs) + random.float() * jitterMs, clock.now());
  }

  #judge(watched: Watched, result: ProbeResult): void {
    const { host } = watched;
    const { hosts } = this.#cluster;
    const good = result === 'ok';
    this.#cluster.stats.inc(CLUSTER[good ? 'health_check.success' : 'health_check.failure']);
    if (result === 'no-answer') this.#cluster.stats.inc(CLUSTER['health_check.network_failure']);
    if (good) this.#cluster.checkPassed(host);
    if ((host.unhealthy & HEALTH.pendingFirstCheck) !== 0) {
      // The first answer alone decides (Envoy).
      hosts.setUnhealthy(host, HEALTH.activeFailed, !good);
      hosts.setUnhealthy(host, HEALTH.pendingFirstCheck, false);
      watched.streak = 0;
    } else {
      const failed = (host.unhealthy & HEALTH.activeFailed) !== 0;
      if (failed !== good) {
        watched.streak = 0;
        return;
      }
      watched.streak++;
      const needed = failed ? this.#settings.healthyThreshold : this.#settings.unhealthyThreshold;
      if (watched.streak < needed && result !== 'failed-hard') return;
      watched.streak = 0;
      hosts.setUnhealthy(host, HEALTH.activeFailed, !failed);
    }
    this.#cluster.countHealthy();
    this.#cluster.services.log.debug('health changed', { cluster: this.#cluster.name, host: host.key, healthy: good });
  }
}
