// The other ends of a workload's edges, with their numbers.
import type { ReactNode } from 'react';
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import { millisText, rateText } from '../core/format.ts';
import { Mtls, SortedTable, Success } from './pieces.tsx';

const NOBODY = 'unknown';

export function PeersTable({
  edges,
  side,
  both = false,
  loading = false,
}: {
  readonly edges: readonly TrafficEdgeJson[];
  readonly side: 'source' | 'destination';
  /** The near end too, where it is not always the same. */
  readonly both?: boolean;
  /** The edges have not come yet. */
  readonly loading?: boolean;
}): ReactNode {
  const near = (e: TrafficEdgeJson): string => (side === 'source' ? e.destination : e.source);
  return (
    <SortedTable
      rows={edges}
      keyOf={(e) =>
        `${e.sourceNamespace}/${e.source}>${e.destinationNamespace}/${e.destination}|${e.service}|${e.protocol}`
      }
      label={side === 'source' ? 'Callers' : 'Callees'}
      none={loading ? 'Loading…' : 'Nobody in this range.'}
      columns={[
        {
          name: side === 'source' ? 'Caller' : 'Callee',
          sort: (e) => e[side],
          cell: (e) => <End edge={e} side={side} />,
        },
        ...(both
          ? [
              {
                name: 'Answered by',
                sort: near,
                cell: (e: TrafficEdgeJson) => (near(e) === NOBODY ? 'nobody' : near(e)),
              },
            ]
          : []),
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
        { name: 'mTLS', sort: (e) => e.mtls, cell: (e) => <Mtls share={e.destination === NOBODY ? null : e.mtls} /> },
      ]}
    />
  );
}

/** What reached no workload is told of the service that was asked for. */
function End({ edge, side }: { readonly edge: TrafficEdgeJson; readonly side: 'source' | 'destination' }): ReactNode {
  const name = edge[side];
  if (name !== NOBODY) return <a href={`/workloads/${edge[`${side}Namespace`]}/${name}`}>{name}</a>;
  if (side === 'source') return <span className="soft">somebody outside of the mesh</span>;
  if (edge.service === '') return <span className="soft">nothing that is known</span>;
  const [service = '', namespace = ''] = edge.service.includes('.svc.') ? edge.service.split('.') : [edge.service];
  if (namespace === '') return <span>{service}</span>;
  return (
    <>
      <a href={`/services/${namespace}/${service}`}>{service}</a>{' '}
      <span className="soft small">no workload reached</span>
    </>
  );
}
