// The golden table: every workload that is known or had traffic, the one that hurts most first.
import type { StatusJson } from '../../src/api/api-json.ts';
import type { GoldenJson, TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import type { KnownWorkload } from './graph-model.ts';
import { byPain } from './pain.ts';

export interface GoldenRow extends GoldenJson {
  readonly gateway: boolean;
  readonly proxy: 'in sync' | 'behind' | 'rejected' | 'none';
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
}

export function knownWorkloads(
  status: Pick<StatusJson, 'proxies' | 'workloads'> | undefined,
): readonly KnownWorkload[] {
  if (status === undefined) return [];
  const known = new Map<string, KnownWorkload>();
  for (const { name, namespace, labels } of status.workloads) {
    const service =
      labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? name;
    known.set(`${namespace}/${name}`, {
      name,
      namespace,
      service,
      version: labels['service.istio.io/canonical-revision'] ?? labels['version'] ?? '',
      gateway: labels['istio'] !== undefined && labels['version'] === undefined,
    });
  }
  for (const { name, namespace, type } of status.proxies) {
    const before = known.get(`${namespace}/${name}`);
    known.set(`${namespace}/${name}`, {
      name,
      namespace,
      service: before?.service ?? name,
      version: before?.version ?? '',
      gateway: type === 'router',
    });
  }
  return [...known.values()];
}

/** A service may be called as one of its workloads is. */
export function goldenKey(row: Pick<GoldenJson, 'workload' | 'namespace' | 'reached'>): string {
  return `${row.reached ? '' : 'service '}${row.namespace}/${row.workload}`;
}

/** `edges`: nobody of the mesh asks a gateway, so it is told by what it passes on. */
export function goldenRows(
  traffic: readonly GoldenJson[],
  status: StatusJson | undefined,
  edges: readonly TrafficEdgeJson[] = [],
): readonly GoldenRow[] {
  const rows = new Map<string, GoldenJson>();
  for (const { name, namespace, service, version } of knownWorkloads(status)) {
    rows.set(`${namespace}/${name}`, {
      workload: name,
      namespace,
      service,
      version,
      reached: true,
      successRate: 1,
      requestsPerSecond: 0,
      deniedPerSecond: 0,
      limitedPerSecond: 0,
      denials: {},
      p50Ms: 0,
      p95Ms: 0,
      p99Ms: 0,
      mtlsShare: null,
    });
  }
  for (const row of traffic) if (row.workload !== 'unknown') rows.set(goldenKey(row), row);
  for (const row of [...rows.values()]) {
    if (row.requestsPerSecond > 0 || !isGateway(row, status)) continue;
    rows.set(goldenKey(row), passedOn(row, edges));
  }
  return [...rows.values()].sort(byPain).map((row) => ({ ...row, ...stateOf(row, status) }));
}

function isGateway({ workload, namespace }: GoldenJson, status: StatusJson | undefined): boolean {
  return status?.proxies.find((one) => one.name === workload && one.namespace === namespace)?.type === 'router';
}

function passedOn(row: GoldenJson, edges: readonly TrafficEdgeJson[]): GoldenJson {
  const own = edges.filter((one) => one.source === row.workload && one.sourceNamespace === row.namespace);
  const sum = (of: (edge: TrafficEdgeJson) => number): number => own.reduce((total, one) => total + of(one), 0);
  const rate = sum((one) => one.requestsPerSecond);
  if (rate === 0) return row;
  const busiest = own.reduce((most, one) => (one.requestsPerSecond > most.requestsPerSecond ? one : most));
  return {
    ...row,
    successRate:
      1 -
      Math.min(
        rate,
        sum((one) => one.errorsPerSecond),
      ) /
        rate,
    requestsPerSecond: rate,
    deniedPerSecond: sum((one) => one.deniedPerSecond),
    limitedPerSecond: sum((one) => one.limitedPerSecond),
    // Quantiles of several edges do not add up: the busiest one's middle, and the worst of the rest.
    p50Ms: busiest.p50Ms,
    p95Ms: Math.max(...own.map((one) => one.p95Ms)),
    p99Ms: Math.max(...own.map((one) => one.p99Ms)),
  };
}

function stateOf(
  { workload, namespace }: GoldenJson,
  status: StatusJson | undefined,
): Pick<GoldenRow, 'gateway' | 'proxy' | 'health'> {
  const proxy = status?.proxies.find((one) => one.name === workload && one.namespace === namespace);
  const states = Object.values(proxy?.types ?? {});
  const health =
    status?.workloads.find((one) => one.name === workload && one.namespace === namespace)?.health ?? 'unknown';
  return {
    gateway: proxy?.type === 'router',
    health,
    proxy:
      proxy === undefined
        ? 'none'
        : states.includes('REJECTED')
          ? 'rejected'
          : states.includes('STALE')
            ? 'behind'
            : 'in sync',
  };
}
