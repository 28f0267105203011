// One service: its versions side by side with their share of the traffic, and the objects that shape it.
import type { ReactNode } from 'react';
import { percentText } from '../core/format.ts';
import { goldenRows } from '../core/golden-rows.ts';
import { objectsAbout } from '../core/objects-about.ts';
import { useObjects, useStatus, useTrafficOf } from '../store/api.ts';
import { GoldenTable } from '../views/golden-table.tsx';
import { ObjectTable } from '../views/object-table.tsx';
import { PeersTable } from '../views/peers-table.tsx';

export function ServicePage({
  params: [namespace = '', name = ''],
}: {
  readonly params: readonly string[];
}): ReactNode {
  const status = useStatus();
  const traffic = useTrafficOf(60, undefined);
  const objects = useObjects();
  const rows = goldenRows(traffic.data?.workloads ?? [], status.data)
    .filter((one) => one.namespace === namespace && (one.service || one.workload) === name)
    .toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  const rate = rows.reduce((sum, one) => sum + one.requestsPerSecond, 0);
  const callers = (traffic.data?.edges ?? []).filter(
    (one) => one.destinationNamespace === namespace && one.destinationCanonical === name,
  );
  const wizard = (what: string): string => `/wizard/${what}?service=${encodeURIComponent(`${namespace}/${name}`)}`;
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/workloads">Services</a> / {namespace}
        </span>
        <h1>{name}</h1>
        <span className="grow" />
        <a className="button" href={wizard('shift')}>
          Shift traffic
        </a>
        <a className="button" href={wizard('fault')}>
          Inject faults
        </a>
        <a className="button" href={wizard('timeouts')}>
          Timeouts
        </a>
        <a className="button" href={wizard('breaker')}>
          Circuit breaker
        </a>
      </div>
      <div className="stack">
        {rate > 0 && rows.length > 1 && (
          <section className="card">
            <h2>Share of the last minute</h2>
            <div className="shares">
              {rows
                .filter((one) => one.requestsPerSecond > 0)
                .map((one) => (
                  <span key={one.workload} style={{ flexGrow: one.requestsPerSecond }}>
                    {one.workload} {percentText(one.requestsPerSecond / rate)}
                  </span>
                ))}
            </div>
          </section>
        )}
        <section className="card tight">
          <h2>Workloads</h2>
          <GoldenTable rows={rows} none="No workload of this service is in the mesh." />
        </section>
        <section className="card tight">
          <h2>Callers</h2>
          <PeersTable edges={callers} side="source" />
        </section>
        <section className="card tight">
          <h2>Objects</h2>
          <ObjectTable
            objects={objectsAbout(objects.data ?? [], namespace, name)}
            none="No object is about this service."
          />
        </section>
      </div>
    </>
  );
}
