// Overview: what hurts first, and whether control plane, certificates, configuration and propagation are well.
import type { ReactNode } from 'react';
import type { ObjectJson, StatusJson } from '../../src/api/api-json.ts';
import { clockText, durationText, percentText, rateText } from '../core/format.ts';
import { goldenRows } from '../core/golden-rows.ts';
import { meshNumbers } from '../core/mesh-numbers.ts';
import { useChanges, useObjects, useStatus, useTrafficOf } from '../store/api.ts';
import { useRanges } from '../store/ranges.ts';
import { useChoice } from '../store/route.ts';
import { Findings } from '../views/findings.tsx';
import { GoldenTable } from '../views/golden-table.tsx';
import { KnownSince } from '../views/known-since.tsx';
import { Fact, Segmented } from '../views/pieces.tsx';

export function OverviewPage(): ReactNode {
  const [windowText, setWindow] = useChoice('window', '60');
  const ranges = useRanges();
  const status = useStatus();
  const traffic = useTrafficOf(Number(windowText), undefined);
  const objects = useObjects();
  const rows = goldenRows(traffic.data?.workloads ?? [], status.data, traffic.data?.edges);
  const loading = traffic.data === undefined || status.data === undefined;
  return (
    <>
      <div className="head">
        <h1>Overview</h1>
        {status.isError && <span className="badge bad">the control plane does not answer</span>}
        {traffic.isError && <span className="badge warn">{traffic.error.message}</span>}
        <span className="grow" />
        <KnownSince windowSeconds={Number(windowText)} />
        <Segmented label="Time range" value={windowText} options={ranges} onChange={setWindow} />
      </div>
      <div className="stack">
        {loading ? (
          <section className="card grid three" aria-label="The mesh in numbers">
            Loading…
          </section>
        ) : (
          <Summary edges={traffic.data?.edges ?? []} rows={rows} />
        )}
        <section className="card tight">
          <h2>
            Workloads <span className="soft small">success, latency and mTLS of what each is asked (inbound)</span>
          </h2>
          <GoldenTable
            rows={rows}
            none={
              loading ? (
                'Loading…'
              ) : (
                <>
                  No workload is in the mesh yet. Start one:{' '}
                  <code>./topsail run --name hello --port 8080 -- COMMAND</code>
                </>
              )
            }
          />
        </section>
        {status.data !== undefined && <HealthCards status={status.data} objects={objects.data ?? []} />}
        {status.data !== undefined && status.data.findings.length > 0 && (
          <section className="card">
            <h2>Findings</h2>
            <Findings findings={status.data.findings} most={8} />
          </section>
        )}
      </div>
    </>
  );
}

function Summary({
  edges,
  rows,
}: {
  readonly edges: Parameters<typeof meshNumbers>[0];
  readonly rows: ReturnType<typeof goldenRows>;
}): ReactNode {
  const {
    requestsPerSecond: rate,
    errorsPerSecond: errors,
    lostPerSecond: lost,
    deniedPerSecond: denied,
    limitedPerSecond: limited,
    mtlsShare,
  } = meshNumbers(edges);
  const failing = rows.filter((one) => one.requestsPerSecond > 0 && one.successRate < 0.999).length;
  return (
    <section className="card grid three" aria-label="The mesh in numbers">
      <Fact value={rateText(rate)}>requests a second between {rows.length} workloads</Fact>
      <Fact value={rate > 0 ? percentText(1 - errors / rate) : '–'} tone={errors > 0 ? 'is-bad' : ''}>
        succeed{errors > 0 ? `; ${rateText(errors)} a second fail` : ''}
        {denied > 0 ? `, ${rateText(denied)} of them denied by policy` : ''}
        {limited > 0 ? `, ${rateText(limited)} of them refused by a RateLimit` : ''}
        {lost > 0 ? `, ${rateText(lost)} of them before they reach a workload` : ''}
      </Fact>
      <Fact value={failing} tone={failing > 0 ? 'is-bad' : ''}>
        {failing === 1 ? 'workload fails' : 'workloads fail'} more than one in a thousand
      </Fact>
      <Fact
        value={mtlsShare === undefined ? '–' : percentText(mtlsShare)}
        tone={mtlsShare !== undefined && mtlsShare < 0.999 ? 'is-warn' : ''}
      >
        of requests between workloads are mutually authenticated
      </Fact>
    </section>
  );
}

function HealthCards({
  status,
  objects,
}: {
  readonly status: StatusJson;
  readonly objects: readonly ObjectJson[];
}): ReactNode {
  const stale = status.proxies.filter((one) =>
    Object.values(one.types).some((state) => state === 'STALE' || state === 'REJECTED'),
  );
  const lost = status.workloads.filter((one) => !one.connected).length;
  const errors = status.findings.filter((one) => one.severity === 'error').length;
  const warnings = status.findings.filter((one) => one.severity === 'warning').length;
  const concerned = objects.reduce((sum, one) => sum + one.programmed.concerned, 0);
  const acknowledged = objects.reduce((sum, one) => sum + one.programmed.acknowledged, 0);
  const rejected = objects.reduce((sum, one) => sum + one.programmed.rejected.length, 0);
  return (
    <div className="grid four">
      <section className="card">
        <h2>
          Control plane <span className="badge ok">running</span>
        </h2>
        <dl className="facts">
          <dt>Version</dt>
          <dd>
            {status.version}, Istio API {status.istioLevel}
          </dd>
          <dt>Up for</dt>
          <dd>{durationText(Date.now() - status.startedMs)}</dd>
          <dt>Proxies</dt>
          <dd>
            {status.proxies.length} connected{lost > 0 && <span className="is-bad">, {lost} lost</span>}
          </dd>
          <dt>Knows</dt>
          <dd>
            {status.services} services, {status.workloads.length} workloads, {status.objects} objects
          </dd>
        </dl>
      </section>
      <section className="card">
        <h2>
          Propagation{' '}
          <span className={`badge ${rejected > 0 ? 'bad' : stale.length > 0 ? 'warn' : 'ok'}`}>
            {rejected > 0 ? 'rejected' : stale.length > 0 ? `${stale.length} behind` : 'all in sync'}
          </span>
        </h2>
        <div
          className={`bar ${rejected > 0 ? 'bad' : ''}`}
          role="img"
          aria-label={`${acknowledged} of ${concerned} acknowledged`}
        >
          <i style={{ width: `${concerned === 0 ? 100 : (100 * acknowledged) / concerned}%` }} />
        </div>
        <p className="small soft">
          {acknowledged} of {concerned} deliveries of objects to proxies are acknowledged. Snapshot {status.snapshot},
          generation {status.generation}.
        </p>
        {stale.slice(0, 4).map((one) => (
          <p key={one.id} className="small is-warn">
            {one.name}.{one.namespace}: {one.lastError === '' ? 'has not acknowledged yet' : one.lastError}
          </p>
        ))}
      </section>
      <section className="card">
        <h2>
          Certificates <span className="badge ok">issued by this mesh</span>
        </h2>
        <p className="small">
          {new Set(status.proxies.map((one) => one.principal).filter((one) => one !== '')).size} identities are held by{' '}
          {status.proxies.filter((one) => one.principal !== '').length} proxies.
        </p>
        <p className="small">
          <a href="/security">Who talks in plaintext, and may STRICT be switched on?</a>
        </p>
      </section>
      <section className="card">
        <h2>
          Configuration{' '}
          <span className={`badge ${errors > 0 ? 'bad' : warnings > 0 ? 'warn' : 'ok'}`}>
            {errors + warnings === 0
              ? 'no findings'
              : `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`}
          </span>
        </h2>
        <RecentChanges />
        <p className="small">
          <a href="/config">All objects</a>
        </p>
      </section>
    </div>
  );
}

function RecentChanges(): ReactNode {
  const { data } = useChanges();
  if (data === undefined) return <p className="small soft">Loading…</p>;
  if (data.length === 0) return <p className="small soft">Nothing was changed since the control plane started.</p>;
  return (
    <ul className="findings small">
      {data.slice(0, 4).map((one) => (
        <li key={one.revision}>
          {clockText(one.atMs)} {one.change}{' '}
          {one.change === 'removed' ? (
            `${one.kind} ${one.name}`
          ) : (
            <a href={`/config/${one.kind}/${one.namespace || '-'}/${one.name}`}>
              {one.kind} {one.name}
            </a>
          )}
        </li>
      ))}
    </ul>
  );
}
