// All configuration: found by word and kind, with state and Programmed n/m; and what changed lately.
import type { ReactNode } from 'react';
import { clockText } from '../core/format.ts';
import { useChanges, useObjects } from '../store/api.ts';
import { useChoice } from '../store/route.ts';
import { Icon } from '../views/icon.tsx';
import { ObjectTable } from '../views/object-table.tsx';

const WIZARDS = [
  ['shift', 'Shift traffic'],
  ['fault', 'Inject faults'],
  ['timeouts', 'Timeouts and retries'],
  ['breaker', 'Circuit breaker'],
  ['mtls', 'Mutual TLS'],
  ['authorize', 'Authorization from traffic'],
] as const;

export function ConfigListPage(): ReactNode {
  const [search, setSearch] = useChoice('q', '');
  const [kind, setKind] = useChoice('kind', '');
  const { data } = useObjects();
  const changes = useChanges();
  const all = data ?? [];
  const shown = all.filter(
    (one) =>
      (kind === '' || one.kind === kind) &&
      `${one.kind} ${one.namespace}/${one.name}`.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <>
      <div className="head">
        <h1>Configuration</h1>
        <span className="soft">{data === undefined ? 'Loading…' : `${shown.length} of ${all.length} objects`}</span>
        <span className="grow" />
        <select aria-label="Kind" value={kind} onChange={(event) => setKind(event.target.value)}>
          <option value="">all kinds</option>
          {[...new Set(all.map((one) => one.kind))].sort().map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <input
          type="search"
          placeholder="Search"
          aria-label="Search objects"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <a className="button" href="/config/new">
          <Icon name="plus" size={14} />
          New object
        </a>
      </div>
      <div className="stack">
        <section className="card">
          <h2>Wizards</h2>
          <div className="row">
            {WIZARDS.map(([what, name]) => (
              <a key={what} className="button" href={`/wizard/${what}`}>
                {name}
              </a>
            ))}
          </div>
        </section>
        <section className="card tight">
          <ObjectTable objects={shown} none={data === undefined ? 'Loading…' : 'No object is like that.'} />
        </section>
        {(changes.data?.length ?? 0) > 0 && (
          <section className="card">
            <h2>Changes since the control plane started</h2>
            <ul className="findings small">
              {changes.data?.slice(0, 20).map((one) => (
                <li key={one.revision}>
                  {clockText(one.atMs)} {one.change}{' '}
                  <a href={`/config/${one.kind}/${one.namespace || '-'}/${one.name}?tab=history`}>
                    {one.kind} {one.namespace}/{one.name}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </>
  );
}
