// The proxy inside the agent's process: fed by ADS over the agent's channel, with the agent's certificates.
import type { Clock, Logger, Net, NodeMetadata, Random } from '#base';
import { TYPE_URL } from '#base';
import { type ServiceAddress, serviceOfCluster } from '#agent';
import { EdgeAggregator, type ProxyHealthReading } from '#telemetry';
import { DiscoveryClient } from '#xds';
import type { AgentIdentity } from './agent-identity.ts';
import { VERSION } from './version.ts';

export interface AgentProxyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly identity: AgentIdentity;
  readonly nodeId: string;
  readonly cluster: string;
  readonly metadata: NodeMetadata;
  readonly adminPort: number;
}

export interface AgentProxy {
  /** First whole configuration, certificate and bound listeners. */
  readonly ready: Promise<void>;
  readonly aggregator: EdgeAggregator;
  isReady(): boolean;
  services(): readonly ServiceAddress[];
  health(): ProxyHealthReading;
  reportHealth(problem: string | undefined): void;
  prometheus(): string;
  drain(patienceMs: number): Promise<void>;
}

export async function startAgentProxy(options: AgentProxyOptions): Promise<AgentProxy> {
  const { clock, random, log, identity } = options;
  const clusters = new Set<string>();
  let done = (): void => {};
  let seen = 0;
  const ready = new Promise<void>((resolve) => (done = resolve));
  const client = new DiscoveryClient({
    channel: identity.channel, clock, random, log: log.scope('xds'),
    node: () => ({ id: options.nodeId, cluster: options.cluster, metadata: { ...options.metadata }, locality: { region: '', zone: '', subZone: '' }, userAgent: `topsail/${VERSION}` }),
    metadata: () => identity.metadata(),
    apply: (batch) => {
      if (batch.typeUrl === TYPE_URL.cluster) for (const one of batch.added) clusters.add(one.name);
      seen += 1;
      if (seen >= 2) done();
      return [];
    },
  });
  client.subscribeAll(TYPE_URL.cluster);
  client.subscribeAll(TYPE_URL.listener);
  client.start();
  return {
    ready, aggregator: new EdgeAggregator(), isReady: () => seen >= 2,
    services: () => [...clusters].map(serviceOfCluster).filter((one) => one !== undefined),
    health: () => ({ cpuSeconds: process.cpuUsage().user / 1e6, rssBytes: process.memoryUsage.rss(), activeConnections: 0, activeRequests: 0 }),
    reportHealth: (problem) => client.reportHealth(problem),
    prometheus: () => '',
    drain: async () => client.close(),
  };
}
