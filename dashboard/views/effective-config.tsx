// What a proxy has in force, as tables; each row leads to the object that caused it.
import { type ReactNode, useState } from 'react';
import { clusterWords } from '../core/cluster-name.ts';
import { clusterRows, endpointRows, listenerRows, type ProxyDump, routeRows } from '../core/effective-config.ts';
import type { ProxyLiveJson } from '../../src/api/dashboard-json.ts';
import { Cause } from './cause.tsx';
import { Segmented, SortedTable } from './pieces.tsx';

export function RoutesTable({
  dump,
  service,
}: {
  readonly dump: ProxyDump;
  /** Only routes of this host: `NAME.NAMESPACE`. */
  readonly service?: string;
}): ReactNode {
  const rows = routeRows(dump);
  return (
    <SortedTable
      rows={service === undefined ? rows : rows.filter((one) => one.host.startsWith(`${service}.`))}
      keyOf={(r) => r.id}
      label="Routes"
      none="This proxy has no routes."
      columns={[
        { name: 'Host', sort: (r) => r.host, cell: (r) => <span title={r.table}>{r.host}</span> },
        { name: 'Match', cell: (r) => <code>{r.match}</code> },
        {
          name: 'Goes to',
          cell: (r) =>
            r.to.map((one) => (
              <div key={one.cluster}>
                {r.to.length > 1 && <strong>{one.weight} % </strong>}
                {clusterWords(one.cluster)}
              </div>
            )),
        },
        {
          name: 'With',
          cell: (r) => (
            <span className="row">
              {r.extras.map((one) => (
                <span key={one} className={`badge ${one === 'fault injected' ? 'warn' : ''}`}>
                  {one}
                </span>
              ))}
            </span>
          ),
        },
        { name: 'Because of', cell: (r) => <Cause cause={r.cause} /> },
      ]}
    />
  );
}

export function EndpointsTable({
  dump,
  live,
}: {
  readonly dump: ProxyDump;
  readonly live: ProxyLiveJson | undefined;
}): ReactNode {
  const number = (value: number | undefined): ReactNode => value ?? <span className="soft">–</span>;
  return (
    <SortedTable
      rows={endpointRows(dump, live?.endpoints)}
      keyOf={(r) => `${r.cluster}|${r.address}`}
      label="Endpoints"
      none="This proxy was given no endpoints."
      columns={[
        { name: 'Service', sort: (r) => r.cluster, cell: (r) => clusterWords(r.cluster) },
        { name: 'Address', sort: (r) => r.address, cell: (r) => <code>{r.address}</code> },
        { name: 'Workload', sort: (r) => r.workload, cell: (r) => r.workload || <span className="soft">unknown</span> },
        {
          name: 'Health',
          sort: (r) => r.health,
          cell: (r) => (
            <span className={`badge ${r.health === 'HEALTHY' ? 'ok' : r.health === 'DRAINING' ? 'warn' : 'bad'}`}>
              {r.health.toLowerCase()}
            </span>
          ),
        },
        {
          name: 'mTLS',
          sort: (r) => String(r.mtls),
          cell: (r) => (r.mtls ? 'yes' : <span className="is-warn">no</span>),
        },
        {
          name: 'Requests',
          number: true,
          sort: (r) => r.live?.requests ?? -1,
          cell: (r) => number(r.live?.requests),
        },
        {
          name: 'Errors',
          number: true,
          sort: (r) => r.live?.errors ?? -1,
          cell: (r) => <span className={(r.live?.errors ?? 0) > 0 ? 'is-bad' : ''}>{number(r.live?.errors)}</span>,
        },
        { name: 'Open', number: true, sort: (r) => r.live?.active ?? -1, cell: (r) => number(r.live?.active) },
        { name: 'Weight', number: true, sort: (r) => r.weight, cell: (r) => r.weight },
      ]}
    />
  );
}

export function EffectiveConfig({ dump }: { readonly dump: ProxyDump }): ReactNode {
  const [part, setPart] = useState<'clusters' | 'listeners' | 'json'>('clusters');
  return (
    <div className="stack">
      <Segmented
        label="Part"
        value={part}
        options={[
          ['clusters', 'Clusters'],
          ['listeners', 'Listeners'],
          ['json', 'JSON'],
        ]}
        onChange={setPart}
      />
      <section className="card tight">
        {part === 'clusters' && (
          <SortedTable
            rows={clusterRows(dump)}
            keyOf={(r) => r.name}
            label="Clusters"
            none="No clusters."
            columns={[
              { name: 'Cluster', sort: (r) => r.name, cell: (r) => <span title={r.name}>{clusterWords(r.name)}</span> },
              { name: 'Type', sort: (r) => r.kind, cell: (r) => r.kind },
              { name: 'Balancing', sort: (r) => r.policy, cell: (r) => r.policy },
              {
                name: 'With',
                cell: (r) => (
                  <span className="row">
                    {r.extras.map((one) => (
                      <span key={one} className="badge">
                        {one}
                      </span>
                    ))}
                  </span>
                ),
              },
              { name: 'Because of', cell: (r) => <Cause cause={r.cause} /> },
            ]}
          />
        )}
        {part === 'listeners' && (
          <SortedTable
            rows={listenerRows(dump)}
            keyOf={(r) => r.name}
            label="Listeners"
            none="No listeners."
            columns={[
              { name: 'Listener', sort: (r) => r.name, cell: (r) => <code>{r.name}</code> },
              { name: 'Address', cell: (r) => <code>{r.address}</code> },
              { name: 'Direction', sort: (r) => r.direction, cell: (r) => r.direction },
              { name: 'Filter chains', number: true, cell: (r) => r.chains },
              { name: 'Because of', cell: (r) => <Cause cause={r.cause} /> },
            ]}
          />
        )}
        {part === 'json' && (
          <pre className="text" tabIndex={0}>
            {JSON.stringify(dump, undefined, 1).slice(0, 200_000)}
          </pre>
        )}
      </section>
    </div>
  );
}
