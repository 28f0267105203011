// What every process of the mesh says of itself under the names that Prometheus clients agree on (process_*).
import process from 'node:process';

const FAMILIES: readonly (readonly [name: string, type: 'counter' | 'gauge', help: string, read: () => number])[] = [
  [
    'process_cpu_seconds_total',
    'counter',
    'CPU time of the process.',
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  ],
  ['process_resident_memory_bytes', 'gauge', 'Resident memory.', () => process.memoryUsage.rss()],
  ['process_heap_bytes', 'gauge', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed],
  [
    'process_start_time_seconds',
    'gauge',
    'When the process started, seconds since 1970.',
    () => Math.round(Date.now() / 1000 - process.uptime()),
  ],
];

/** A proxy that is a child of this process costs what both take together. */
export interface ChildUsage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

export function processMetrics(child: ChildUsage = { cpuSeconds: 0, rssBytes: 0 }): string {
  const more: Readonly<Record<string, number>> = {
    process_cpu_seconds_total: child.cpuSeconds,
    process_resident_memory_bytes: child.rssBytes,
  };
  return FAMILIES.map(
    ([name, type, help, read]) =>
      `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${read() + (more[name] ?? 0)}\n`,
  ).join('');
}
