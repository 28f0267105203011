// Where Prometheus finds the metrics of workloads that run on this machine: its HTTP discovery (http_sd), from the
// records that agents keep below the mesh's home. In a cluster pods' annotations say it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpRoute } from '#base';
import { WORKLOAD_FOLDER } from './stale-records.ts';

const HOST = '127.0.0.1';
/** Workloads of one machine; more records than that are somebody's mistake. */
const MAX_TARGETS = 1_000;

interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export function scrapeTargets(runFolder: string, monitoringPort: () => number): HttpRoute {
  return {
    method: 'GET',
    path: '/debug/scrape-targets',
    answer: () => ({
      type: 'application/json',
      body: JSON.stringify([
        {
          targets: [`${HOST}:${monitoringPort()}`],
          labels: { __metrics_path__: '/metrics', namespace: 'istio-system', app: 'istiod', pod: 'istiod' },
        },
        ...workloadTargets(join(runFolder, WORKLOAD_FOLDER)),
      ]),
    }),
  };
}

function workloadTargets(folder: string): readonly TargetGroup[] {
  const groups: TargetGroup[] = [];
  for (const file of namesIn(folder).slice(0, MAX_TARGETS)) {
    const record = recordAt(join(folder, file));
    if (record === undefined) continue;
    groups.push({
      targets: [`${HOST}:${record.statusPort}`],
      labels: {
        __metrics_path__: '/stats/prometheus',
        namespace: record.namespace,
        pod: record.name,
        app: record.name.replace(/-v\d+$/, ''),
      },
    });
  }
  return groups;
}

interface WorkloadRecord {
  readonly name: string;
  readonly namespace: string;
  readonly statusPort: number;
}

function recordAt(path: string): WorkloadRecord | undefined {
  try {
    const { name, namespace, statusPort } = JSON.parse(readFileSync(path, 'utf8')) as Partial<WorkloadRecord>;
    return typeof name === 'string' && typeof namespace === 'string' && typeof statusPort === 'number'
      ? { name, namespace, statusPort }
      : undefined;
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch {
    return [];
  }
}
