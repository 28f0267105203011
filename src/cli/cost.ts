// topsail cost: CPU and memory that the mesh itself takes, by workload: proxies beside pods, gateways, the control plane.
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { table } from './table.ts';

export interface CostOptions {
  readonly namespace?: string;
  /** Seconds over which CPU is measured. */
  readonly seconds: string;
  readonly output?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly part: 'sidecar' | 'gateway' | 'control plane';
  readonly port: number;
  readonly path: string;
}

interface Usage {
  readonly cpuSeconds: number;
  readonly bytes: number;
}

export interface CostRow {
  readonly namespace: string;
  readonly workload: string;
  readonly part: string;
  readonly pods: number;
  readonly cpuMillicores: number;
  readonly memoryMi: number;
  /** Pods that did not answer: they are in no sum. */
  readonly silent: number;
}

const PARALLEL = 16;

export async function cost(context: CliContext, options: CostOptions): Promise<number> {
  const seconds = Number(options.seconds);
  if (!(seconds >= 1 && seconds <= 600))
    throw new CliError(`--seconds ${options.seconds}: write a number from 1 to 600.`);
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-cost',
  });
  const listed = await client.list(RESOURCES.pods);
  if (!listed.ok) throw new CliError(`${listed.error.message}. What to do: ${listed.error.remedy}.`);
  const pods = listed.value
    .flatMap(meshPod)
    .filter((one) => options.namespace === undefined || one.namespace === options.namespace);
  const before = await usages(client, pods);
  const begun = context.clock.now();
  await context.sleep(seconds * 1000);
  const after = await usages(client, pods);
  const rows = costRows(pods, before, after, (context.clock.now() - begun) / 1000);
  if (options.output === 'json') context.out(`${JSON.stringify(rows, undefined, 2)}\n`);
  else context.out(rows.length === 0 ? 'No pod of the mesh runs here.\n' : text(rows));
  return 0;
}

function meshPod(pod: KubeObject): readonly Pod[] {
  const { name, namespace = '', labels = {}, annotations = {} } = pod.metadata;
  if ((pod['status'] as { phase?: string } | undefined)?.phase !== 'Running') return [];
  const workload = labels['service.istio.io/canonical-name'] ?? labels['app'] ?? name;
  if (labels['app'] === 'istiod' && labels['istio.io/rev'] !== undefined)
    return [{ namespace, name, workload: 'istiod', part: 'control plane', port: 15014, path: '/metrics' }];
  const injected = annotations['sidecar.istio.io/status'] !== undefined;
  const gateway =
    ['ingressgateway', 'egressgateway'].includes(labels['istio'] ?? '') ||
    annotations['inject.istio.io/templates'] === 'gateway';
  if (!injected && !gateway) return [];
  const port = Number(annotations['prometheus.io/port'] ?? 15020);
  return [{ namespace, name, workload, part: gateway ? 'gateway' : 'sidecar', port, path: '/stats/prometheus' }];
}

async function usages(client: KubeClient, pods: readonly Pod[]): Promise<readonly (Usage | undefined)[]> {
  const found: (Usage | undefined)[] = [];
  for (let i = 0; i < pods.length; i += PARALLEL)
    found.push(...(await Promise.all(pods.slice(i, i + PARALLEL).map((pod) => usageOf(client, pod)))));
  return found;
}

/** Through the API server, which reaches every pod. */
async function usageOf(client: KubeClient, { namespace, name, port, path }: Pod): Promise<Usage | undefined> {
  const answer = await client.transport.call({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy${path}`,
    timeoutMs: 10_000,
  });
  if (answer?.status !== 200) return undefined;
  const value = (metric: string): number =>
    Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(answer.body)?.[1] ?? Number.NaN);
  const usage = { cpuSeconds: value('process_cpu_seconds_total'), bytes: value('process_resident_memory_bytes') };
  return Number.isNaN(usage.cpuSeconds) || Number.isNaN(usage.bytes) ? undefined : usage;
}

export function costRows(
  pods: readonly Pod[],
  before: readonly (Usage | undefined)[],
  after: readonly (Usage | undefined)[],
  seconds: number,
): readonly CostRow[] {
  const rows = new Map<string, CostRow>();
  for (const [i, { namespace, workload, part }] of pods.entries()) {
    const key = `${namespace}/${workload}/${part}`;
    const row = rows.get(key) ?? { namespace, workload, part, pods: 0, cpuMillicores: 0, memoryMi: 0, silent: 0 };
    const [first, last] = [before[i], after[i]];
    if (first === undefined || last === undefined) {
      rows.set(key, { ...row, pods: row.pods + 1, silent: row.silent + 1 });
      continue;
    }
    // A proxy that began anew counts from nought.
    const cpu = (Math.max(0, last.cpuSeconds - first.cpuSeconds) / seconds) * 1000;
    rows.set(key, {
      ...row,
      pods: row.pods + 1,
      cpuMillicores: row.cpuMillicores + cpu,
      memoryMi: row.memoryMi + last.bytes / (1 << 20),
    });
  }
  return [...rows.values()]
    .map((row) => ({ ...row, cpuMillicores: Math.round(row.cpuMillicores), memoryMi: Math.round(row.memoryMi) }))
    .sort((a, b) => b.memoryMi - a.memoryMi);
}

function text(rows: readonly CostRow[]): string {
  const sum = (pick: (row: CostRow) => number): number => rows.reduce((total, row) => total + pick(row), 0);
  const cells = rows.map((one) => [
    one.namespace,
    one.workload,
    one.part,
    String(one.pods),
    `${one.cpuMillicores}m`,
    `${one.memoryMi}Mi`,
    one.silent === 0 ? '' : `${one.silent} did not answer`,
  ]);
  const total = [
    '',
    'all',
    '',
    String(sum((row) => row.pods)),
    `${sum((row) => row.cpuMillicores)}m`,
    `${sum((row) => row.memoryMi)}Mi`,
    '',
  ];
  return table(['NAMESPACE', 'WORKLOAD', 'PART', 'PODS', 'CPU', 'MEMORY', ''], [...cells, total]);
}
