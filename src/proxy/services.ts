// What every part of a running proxy is told: clock, network, randomness, statistics, clusters, secrets.

import type { Clock, Logger, Net, Random, TimerWheel } from '#base';
import type { SecretSource } from '#identity';
import type { StatStore } from '#telemetry';
import type { ClusterManager } from './upstream/cluster-manager.ts';

export interface ProxyServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly stats: StatStore;
  readonly clusters: ClusterManager;
  readonly secrets: SecretSource;
  /** The process goes down: answer "connection: close". */
  draining(): boolean;
}
