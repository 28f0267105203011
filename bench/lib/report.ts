// Medians over the rounds, and the Markdown table of them with ratios to Envoy.

import type { MemoryCost } from './process-cost.ts';

export interface Round {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly memory: MemoryCost;
}

export interface RowResult {
  readonly row: string;
  readonly title: string;
  readonly contestants: Readonly<Record<string, readonly Round[]>>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function markdown(results: readonly RowResult[]): string {
  const lines = [
    '| Work | Proxy | CPU µs/request | to Envoy | requests/s | p50 ms | p99 ms | PSS MB | RSS MB | RssAnon MB | failed |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const result of results) {
    const envoy = result.contestants['envoy'];
    const base = envoy === undefined ? Number.NaN : median(envoy.map((r) => r.cpuUsPerRequest));
    for (const [name, rounds] of Object.entries(result.contestants)) {
      const of = (read: (r: Round) => number): number => median(rounds.map(read));
      const cpu = of((r) => r.cpuUsPerRequest);
      const spread = rounds.map((r) => r.cpuUsPerRequest);
      const mb = (read: (m: MemoryCost) => number): string => (of((r) => read(r.memory)) / 1024).toFixed(0);
      lines.push(
        `| ${result.title} | ${name} | ${cpu.toFixed(1)} (${Math.min(...spread).toFixed(1)}–${Math.max(...spread).toFixed(1)}) | ${Number.isNaN(base) ? '' : (cpu / base).toFixed(2)} | ` +
          `${of((r) => r.requestsPerSecond).toFixed(0)} | ${ms(of((r) => r.p50Ms))} | ${ms(of((r) => r.p99Ms))} | ` +
          `${mb((m) => m.pssKb)} | ${mb((m) => m.rssKb)} | ${mb((m) => m.rssAnonKb)} | ${rounds.reduce((n, r) => n + r.failed, 0)} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function ms(value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(2);
}
