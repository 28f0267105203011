// Who was denied on an edge, from the denials themselves: an edge only knows the identity that its caller showed last.
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import type { DeniedJson } from '../../src/api/what-if-json.ts';
import { limitingRule } from '../../src/telemetry/graph/denial-words.ts';

type Ends = Pick<TrafficEdgeJson, 'source' | 'sourceNamespace' | 'destination' | 'destinationNamespace'>;

/** The one denied last comes first; '' is a caller without a certificate. None where no denial of the edge is remembered. */
export function deniedIdentities(edge: Ends, denied: readonly DeniedJson[]): readonly string[] {
  const own = denied
    .filter(
      (one) =>
        one.source === edge.source &&
        one.sourceNamespace === edge.sourceNamespace &&
        one.workload === edge.destination &&
        one.namespace === edge.destinationNamespace,
    )
    .sort((a, b) => b.lastMs - a.lastMs);
  return [...new Set(own.map((one) => one.principal))];
}

/** Who came too often was not told that it may not come: what RateLimits refused is no part of it. */
export function denialsOf({ denials }: Pick<TrafficEdgeJson, 'denials'>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(denials).filter(([details]) => limitingRule(details) === undefined));
}

/** How many were denied: by policies as proxies tell it, or by applications as their answers do. */
export function deniedOf(edge: Pick<TrafficEdgeJson, 'codes' | 'denials' | 'denied' | 'limited'>): number {
  const limited = (code: string): number =>
    Object.entries(edge.denials).reduce(
      (sum, [details, n]) => sum + (String(limitingRule(details)?.status) === code ? n : 0),
      0,
    );
  const answers = ['401', '403'].reduce((sum, code) => sum + Math.max(0, (edge.codes[code] ?? 0) - limited(code)), 0);
  // A connection that was turned away has no code.
  return Math.max(answers, edge.denied - edge.limited);
}
