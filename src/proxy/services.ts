// What every part of a running proxy is told: clock, network, randomness, statistics, clusters, secrets.

import type { Clock, Logger, Net, Random, TimerWheel } from '#base';
import type { Intermediates, SecretSource } from '#identity';
import type { Drawer } from '#leases';
import type { PeerCache, StatStore, StreamReporter } from '#telemetry';
import type { OpenBytes } from './open-bytes.ts';
import type { OverloadManager } from './overload/overload-manager.ts';
import type { Sharing } from './shared/index.ts';
import type { SpanExporters } from './tracing/span-exporters.ts';
import type { ClusterManager } from './upstream/cluster-manager.ts';

/** Who this proxy is, for what telemetry says of it. */
export interface ProxySelf {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** In traces. */
  readonly serviceName: string;
  /** In traces: the node's id. */
  readonly nodeId: string;
  readonly address: string;
  readonly environment: (name: string) => string | undefined;
}

export const NOBODY: ProxySelf = {
  metadata: {},
  serviceName: '',
  nodeId: '',
  address: '',
  environment: () => undefined,
};

/** Where Wasm modules come from that are not in the configuration itself. */
export interface ModuleSource {
  readFile(path: string): Promise<Uint8Array>;
  /** `sha256` '' or "nil" = any. */
  fetch(url: string, sha256: string): Promise<Uint8Array>;
}

export interface ProxyServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly self: ProxySelf;
  readonly wheel: TimerWheel;
  readonly stats: StatStore;
  readonly openBytes: OpenBytes;
  /** Counts finished streams of inbound and outbound listeners; undefined = nobody asked. */
  readonly reporter: StreamReporter | undefined;
  readonly peers: PeerCache;
  readonly clusters: ClusterManager;
  readonly spans: SpanExporters;
  readonly secrets: SecretSource;
  /** What peers have shown on verified paths: a resumed session shows its leaf only. */
  readonly intermediates: Intermediates;
  readonly overload: OverloadManager;
  /** What threads of this proxy have in common; undefined where one serves. */
  readonly sharing: Sharing | undefined;
  /** Limits that all proxies share; undefined where nobody counts them. */
  readonly leases: Drawer | undefined;
  /** Undefined: modules come in the configuration only. */
  readonly modules: ModuleSource | undefined;
  /** The process goes down: answer "connection: close". */
  draining(): boolean;
}
