// The other ends of a workload's edges, with their numbers.
import type { ReactNode } from 'react';
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import { millisText, rateText } from '../core/format.ts';
import { Mtls, SortedTable, Success } from './pieces.tsx';

export function PeersTable({
  edges,
  side,
  both = false,
}: {
  readonly edges: readonly TrafficEdgeJson[];
  readonly side: 'source' | 'destination';
  /** The near end too, where it is not always the same. */
  readonly both?: boolean;
}): ReactNode {
  const near = (e: TrafficEdgeJson): string => (side === 'source' ? e.destination : e.source);
  return (
    <SortedTable
      rows={edges}
      keyOf={(e) =>
        `${e.sourceNamespace}/${e.source}>${e.destinationNamespace}/${e.destination}|${e.service}|${e.protocol}`
      }
      label={side === 'source' ? 'Callers' : 'Callees'}
      none="Nobody in this range."
      columns={[
        {
          name: side === 'source' ? 'Caller' : 'Callee',
          sort: (e) => e[side],
          cell: (e) => <a href={`/workloads/${e[`${side}Namespace`]}/${e[side]}`}>{e[side]}</a>,
        },
        ...(both ? [{ name: 'Answered by', sort: near, cell: near }] : []),
        {
          name: 'Requests/s',
          number: true,
          sort: (e) => e.requestsPerSecond,
          cell: (e) => rateText(e.requestsPerSecond),
        },
        {
          name: 'Success',
          number: true,
          sort: (e) => 1 - e.errorsPerSecond / Math.max(e.requestsPerSecond, 1e-9),
          cell: (e) => (
            <Success
              share={1 - e.errorsPerSecond / Math.max(e.requestsPerSecond, 1e-9)}
              asked={e.requestsPerSecond > 0}
            />
          ),
        },
        { name: 'p99', number: true, sort: (e) => e.p99Ms, cell: (e) => millisText(e.p99Ms) },
        { name: 'mTLS', sort: (e) => e.mtls, cell: (e) => <Mtls share={e.mtls} /> },
      ]}
    />
  );
}
