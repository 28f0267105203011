// topsail edges: who calls whom, how often, how well, and whether mutually authenticated.
import type { EdgeJson } from '#api';
import type { CliContext } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { table } from './table.ts';

export async function edges(
  context: CliContext,
  options: { readonly home?: string; readonly output?: string; readonly watch?: boolean },
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  for (;;) {
    const all = await mesh.get<readonly EdgeJson[]>('/api/v1/edges');
    context.out(options.output === 'json' ? `${JSON.stringify(all, undefined, 2)}\n` : edgeTable(all));
    if (options.watch !== true) return 0;
    await context.sleep(1000);
    context.out('\n');
  }
}

function edgeTable(all: readonly EdgeJson[]): string {
  if (all.length === 0) return 'No traffic seen in the last seconds.\n';
  const rows = all.map((e) => [
    e.source,
    e.destination,
    e.protocol,
    e.requestsPerSecond.toFixed(1),
    e.requestsPerSecond === 0 ? '-' : `${((100 * e.errorsPerSecond) / e.requestsPerSecond).toFixed(1)}%`,
    latency(e.p50Ms),
    latency(e.p99Ms),
    e.mtls >= 1 ? 'yes' : e.mtls <= 0 ? 'no' : `${Math.round(e.mtls * 100)}%`,
  ]);
  return table(['SOURCE', 'DESTINATION', 'PROTOCOL', 'RPS', 'ERRORS', 'P50', 'P99', 'MTLS'], rows);
}

function latency(ms: number): string {
  return ms <= 0 ? '-' : ms < 10 ? `${ms.toFixed(1)}ms` : `${Math.round(ms)}ms`;
}
