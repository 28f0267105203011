// All workloads, with a search over names, namespaces and services.
import type { ReactNode } from 'react';
import { goldenRows } from '../core/golden-rows.ts';
import { useStatus, useTrafficOf } from '../store/api.ts';
import { useChoice } from '../store/route.ts';
import { GoldenTable } from '../views/golden-table.tsx';

export function WorkloadsPage(): ReactNode {
  const [search, setSearch] = useChoice('q', '');
  const status = useStatus();
  const traffic = useTrafficOf(60, undefined);
  const loading = traffic.data === undefined || status.data === undefined;
  const wanted = search.toLowerCase();
  const rows = goldenRows(traffic.data?.workloads ?? [], status.data, traffic.data?.edges).filter((r) =>
    `${r.workload} ${r.namespace} ${r.service}`.toLowerCase().includes(wanted),
  );
  const services = [...new Set(rows.map((r) => `${r.namespace}/${r.service || r.workload}`))].sort();
  return (
    <>
      <div className="head">
        <h1>Workloads</h1>
        <span className="soft">success, latency and mTLS of what each is asked (inbound)</span>
        <span className="grow" />
        <input
          type="search"
          placeholder="Search"
          aria-label="Search workloads"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      <div className="stack">
        <section className="card tight">
          <GoldenTable
            rows={rows}
            none={
              loading ? 'Loading…' : wanted === '' ? 'No workload is in the mesh yet.' : 'No workload has such a name.'
            }
          />
        </section>
        <section className="card">
          <h2>Services</h2>
          <div className="row">
            {services.slice(0, 200).map((one) => (
              <a key={one} className="badge accent" href={`/services/${one}`}>
                {one}
              </a>
            ))}
          </div>
        </section>
      </div>
    </>
  );
}
