// topsail edges: who calls whom, how often, how well, and whether mutually authenticated.
import { EDGES_WINDOW_SECONDS, type EdgeJson, serviceOfHost } from '#api';
import type { CliContext } from './context.ts';
import { deniedBy, faultsText, sumCounts } from './counted-words.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { latency, table } from './table.ts';
import { windowText } from './window-text.ts';

const UNKNOWN = 'unknown';

export async function edges(
  context: CliContext,
  options: { readonly home?: string; readonly output?: string; readonly watch?: boolean },
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  for (;;) {
    const all = await mesh.get<readonly EdgeJson[]>('/api/v1/edges');
    context.out((await structured(all, options.output)) ?? edgeTable(all));
    if (options.watch !== true) return 0;
    await context.sleep(1000);
    context.out('\n');
  }
}

function edgeTable(all: readonly EdgeJson[]): string {
  const [first] = all;
  if (first === undefined) return `No traffic seen in the last ${windowText(EDGES_WINDOW_SECONDS)}.\n`;
  const folded = foldEdges(all);
  const nameOf = namesOf(folded);
  // A column more where there is something in it.
  const anyDenied = folded.some((e) => e.deniedPerSecond > 0);
  const anyFault = folded.some((e) => Object.keys(e.faults).length > 0);
  const rows = folded.map((e) => [
    nameOf(e.sourceNamespace, e.source),
    e.destination === UNKNOWN && e.service !== '' ? asked(e.service) : nameOf(e.destinationNamespace, e.destination),
    e.protocol,
    e.requestsPerSecond.toFixed(1),
    e.requestsPerSecond === 0 ? '-' : `${((100 * e.errorsPerSecond) / e.requestsPerSecond).toFixed(1)}%`,
    latency(e.p50Ms),
    latency(e.p99Ms),
    e.destination === UNKNOWN && e.service.includes('.svc.')
      ? '-'
      : e.mtls >= 1
        ? 'yes'
        : e.mtls <= 0
          ? 'no'
          : `${Math.round(e.mtls * 100)}%`,
    ...(anyDenied ? [e.deniedPerSecond > 0 ? deniedBy(e.denials) : '-'] : []),
    ...(anyFault ? [faultsText(e.faults) || '-'] : []),
  ]);
  const heads = ['SOURCE', 'DESTINATION', 'PROTOCOL', 'RPS', 'ERRORS', 'P50', 'P99', 'MTLS'];
  const head = `Of the last ${windowText(first.windowSeconds)}, as the caller waited (injected delays and retries too):\n`;
  return head + table([...heads, ...(anyDenied ? ['DENIED BY'] : []), ...(anyFault ? ['FAULTS'] : [])], rows);
}

/** By its name alone, or with its namespace where several have one of that name. */
function namesOf(all: readonly EdgeJson[]): (namespace: string, name: string) => string {
  const homes = new Map<string, Set<string>>();
  const add = (namespace: string, name: string): void =>
    void homes.set(name, (homes.get(name) ?? new Set<string>()).add(namespace));
  for (const e of all) {
    add(e.sourceNamespace, e.source);
    add(e.destinationNamespace, e.destination);
  }
  return (namespace, name) => ((homes.get(name)?.size ?? 0) > 1 && name !== UNKNOWN ? `${name}.${namespace}` : name);
}

/** What reached no workload that is known goes by the service that was asked for. */
function asked(host: string): string {
  const { name, namespace } = serviceOfHost(host);
  return namespace === '' ? name : `${name}.${namespace} (service)`;
}

/**
 * One row for two ends and a protocol, as the table's columns tell edges apart: services by which the same workload
 * was asked for, and what was refused before it had one, are summed.
 */
export function foldEdges(all: readonly EdgeJson[]): readonly EdgeJson[] {
  const groups = Map.groupBy(all, (e) =>
    [
      e.sourceNamespace,
      e.source,
      e.destinationNamespace,
      e.destination === UNKNOWN ? e.service : e.destination,
      e.protocol,
    ].join(' '),
  );
  const folded = Array.from(groups.values(), (own): EdgeJson => {
    const [first, ...others] = own as [EdgeJson, ...EdgeJson[]];
    if (others.length === 0) return first;
    const rate = own.reduce((sum, e) => sum + e.requestsPerSecond, 0);
    const mean = (of: (e: EdgeJson) => number): number =>
      own.reduce((sum, e) => sum + of(e) * (rate === 0 ? 1 / own.length : e.requestsPerSecond / rate), 0);
    return {
      ...first,
      requestsPerSecond: rate,
      errorsPerSecond: own.reduce((sum, e) => sum + e.errorsPerSecond, 0),
      deniedPerSecond: own.reduce((sum, e) => sum + e.deniedPerSecond, 0),
      denials: sumCounts(own.map((e) => e.denials)),
      faults: sumCounts(own.map((e) => e.faults)),
      p50Ms: mean((e) => e.p50Ms),
      p95Ms: Math.max(...own.map((e) => e.p95Ms)),
      p99Ms: Math.max(...own.map((e) => e.p99Ms)),
      mtls: mean((e) => e.mtls),
    };
  });
  return folded.sort((a, b) => b.requestsPerSecond - a.requestsPerSecond);
}
