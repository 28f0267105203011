// Istio's metrics of a proxy that has no agent of ours: counted where its node says that it is a workload of an Istio mesh.
import type { NodeMetadata } from '#base';
import type { SystemClock } from '#io';
import { localPeer } from '#telemetry';
import { GatheredReporting } from './gathered-reporting.ts';
import type { ProxyHandle, StartProxyOptions } from './proxy.ts';
import { WorkerReporting } from './worker-reporting.ts';

export interface ProxyMetrics {
  readonly options: Pick<StartProxyOptions, 'reporter' | 'reporting'>;
  /** Shows them beside the proxy's own. */
  show(handle: ProxyHandle): void;
}

/** What somebody else's agent may leave out. */
const UNSAID: Partial<NodeMetadata> = {
  SERVICE_ACCOUNT: '',
  LABELS: {},
  CLUSTER_ID: '',
  MESH_ID: '',
  ISTIO_VERSION: '',
  INSTANCE_IPS: '',
};

interface Node {
  readonly id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Undefined: the node is no such workload. */
export function proxyMetrics({ id, metadata }: Node, clock: SystemClock): ProxyMetrics | undefined {
  if (typeof metadata['NAMESPACE'] !== 'string' || typeof metadata['WORKLOAD_NAME'] !== 'string') return undefined;
  const order = { metadata: { ...UNSAID, ...metadata } as NodeMetadata, nodeId: id };
  const own = new WorkerReporting(order, clock);
  return {
    options: { reporter: own.reporter, reporting: { ...order, environment: {} } },
    show: ({ proxy, workers }) => {
      proxy.services.stats.addSource(
        workers === undefined
          ? { renderPrometheus: () => [own.exposition()] }
          : new GatheredReporting(workers, clock, localPeer(order.metadata)),
      );
    },
  };
}
