// The HTTP connection manager as a terminal filter: one per filter chain and configuration version.

import { type StatBlock } from '#telemetry';
import type { DownstreamConnection, TerminalConnection, TerminalFilter } from '../network/filter.ts';
import type { ProxyServices } from '../services.ts';
import { HttpConnection } from './http-connection.ts';
import type { ManagerConfig } from './manager-config.ts';

export class HttpManager implements TerminalFilter {
  readonly kind = 'http';
  readonly config: ManagerConfig;
  readonly services: ProxyServices;
  readonly stats: StatBlock;
  /** Its responses on this listener. */
  readonly listenerStats: StatBlock;

  /** `listener`: as its statistics are named. */
  constructor(config: ManagerConfig, services: ProxyServices, listener: string) {
    this.config = config;
    this.services = services;
    this.stats = services.stats.http(config.statPrefix);
    this.listenerStats = services.stats.listenerHttp(listener, config.statPrefix);
  }

  start(connection: DownstreamConnection): TerminalConnection {
    return new HttpConnection(connection, this);
  }

  dispose(): void {
    for (const filter of this.config.filters) filter.dispose?.();
    for (const sink of this.config.sinks) sink.dispose?.();
    this.config.tracer?.dispose();
    this.services.stats.release(this.stats);
    this.services.stats.release(this.listenerStats);
  }
}
