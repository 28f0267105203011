// What an agent serves its Envoy: xDS, its secrets, and an ear for the access log, of which it makes Istio's metrics.
import { ACCESS_LOG_PATH, accessLogMethod, TapStation } from '#agent';
import { type NodeMetadata, silentLogger } from '#base';
import {
  AgentSecrets,
  FileSecrets,
  makeSdsMethods,
  readCertificateSecret,
  readTrustSecret,
  SecretSlots,
} from '#identity';
import { gunzip, listenGrpc, SystemClock, SystemFs } from '#io';
import { EdgeAggregator, IstioMetrics, localPeer, renderPrometheus, StatStore, StreamReporter } from '#telemetry';
import { GrpcServer } from '#wire/grpc';
import type { XdsServer } from '#xds';
import { envoyMetricSettings } from '../../../src/main/envoy-metric-settings.ts';
import type { Pair } from './certificates.ts';

export interface LabAgentOptions {
  readonly socket: string;
  readonly metadata: NodeMetadata;
  readonly certificate: Pair;
  readonly rootsPem: string;
  readonly xds: XdsServer;
}

export interface LabAgent {
  /** Of what its Envoy carried. */
  prometheus(): string;
  close(): unknown;
}

export async function serveAgent({ socket, metadata, certificate, rootsPem, xds }: LabAgentOptions): Promise<LabAgent> {
  const slots = new SecretSlots(['default', 'ROOTCA']);
  const own = readCertificateSecret(certificate.certPem, certificate.keyPem);
  const trust = readTrustSecret(rootsPem);
  if (!own.ok || !trust.ok) throw new Error('the lab made a certificate that can not be read');
  slots.set('default', own.value);
  slots.set('ROOTCA', trust.value);
  const files = new FileSecrets({ fs: new SystemFs(), log: silentLogger });
  const secrets = new AgentSecrets({ workload: slots, files, remote: new SecretSlots([]) });
  const clock = new SystemClock();
  const stats = new StatStore();
  const metrics = new IstioMetrics({ istioVersion: '', node: { ...metadata } });
  stats.addSource(metrics);
  const local = localPeer(metadata);
  const taps = new TapStation({ clock, local });
  const reporter = new StreamReporter({ local, metrics, aggregator: new EdgeAggregator(), taps });
  const server = new GrpcServer({ clock, gunzip });
  xds.register(server);
  server.register(
    ACCESS_LOG_PATH,
    accessLogMethod(clock, (side, changes) => {
      if (side === 'refused') return reporter.refusals();
      const { rules, tcpReportMs } = envoyMetricSettings(changes, silentLogger);
      return reporter.sink(side, rules, tcpReportMs);
    }),
  );
  for (const [path, method] of await makeSdsMethods(secrets, silentLogger)) server.register(path, method);
  const listener = await listenGrpc({ host: socket, port: 0, mode: 0o600, log: silentLogger }, (stream) =>
    server.accept(stream),
  );
  return {
    prometheus: () => [...renderPrometheus(stats, { exemplars: false })].join(''),
    close: () => listener.close(0),
  };
}
