// Configuration objects with what the mesh made of them.
import type { ReactNode } from 'react';
import type { ObjectJson } from '../../src/api/api-json.ts';
import { Programmed, SortedTable } from './pieces.tsx';

export function ObjectTable({
  objects,
  none,
}: {
  readonly objects: readonly ObjectJson[];
  readonly none: ReactNode;
}): ReactNode {
  return (
    <SortedTable
      rows={objects}
      keyOf={(o) => `${o.kind}/${o.namespace}/${o.name}`}
      label="Configuration objects"
      none={none}
      columns={[
        { name: 'Kind', sort: (o) => o.kind, cell: (o) => <span className="soft">{o.kind}</span> },
        {
          name: 'Name',
          sort: (o) => o.name,
          cell: (o) => (
            <a href={`/config/${o.kind}/${o.namespace || '-'}/${o.name}`}>
              <strong>{o.name}</strong>
            </a>
          ),
        },
        { name: 'Namespace', sort: (o) => o.namespace, cell: (o) => o.namespace || <span className="soft">–</span> },
        { name: 'State', sort: (o) => o.state, cell: (o) => <State object={o} /> },
        {
          name: 'Programmed',
          sort: (o) => o.programmed.acknowledged - o.programmed.concerned,
          cell: (o) => <Programmed state={o.programmed} />,
        },
      ]}
    />
  );
}

function State({ object }: { readonly object: ObjectJson }): ReactNode {
  if (object.state === 'refused') return <span className="badge bad">refused</span>;
  if (object.state === 'lastGood') return <span className="badge bad">refused; the last good version is in force</span>;
  const warnings = object.findings.length;
  return warnings === 0 ? (
    <span className="badge ok">accepted</span>
  ) : (
    <span className="badge warn">
      {warnings} {warnings === 1 ? 'finding' : 'findings'}
    </span>
  );
}
