// What an edit would do to the requests of the last minutes: how many stay, and each kind that would not, with why.
import type { ReactNode } from 'react';
import type { FindingJson } from '../../src/api/api-json.ts';
import type { WhatIfChangeJson, WhatIfEffect, WhatIfJson } from '../../src/api/what-if-json.ts';
import { clockText, countText, roundText } from '../core/format.ts';
import { Findings } from './findings.tsx';
import { Fact, SortedTable } from './pieces.tsx';

const TONES: Readonly<Record<WhatIfEffect, string>> = {
  fails: 'bad',
  'may fail': 'warn',
  slower: 'warn',
  moves: 'accent',
  recovers: 'ok',
};
const WORDS: Readonly<Record<WhatIfEffect, string>> = {
  fails: 'would fail',
  'may fail': 'may fail',
  slower: 'slower',
  moves: 'goes elsewhere',
  recovers: 'would work',
};

export function WhatIfResult({
  result,
  told = [],
}: {
  readonly result: WhatIfJson;
  /** Findings that stand above already. */
  readonly told?: readonly FindingJson[];
}): ReactNode {
  const { changes, requests, seen, unchanged, notes } = result;
  const findings = result.findings.filter(
    (one) => !told.some((other) => other.code === one.code && other.message === one.message),
  );
  const sum = (...effects: readonly WhatIfEffect[]): number =>
    changes.filter((one) => effects.includes(one.effect)).reduce((total, one) => total + one.count, 0);
  const bad = sum('fails', 'may fail');
  return (
    <div className="stack" role="region" aria-label="What would change" aria-live="polite">
      {findings.length > 0 && <Findings findings={findings} most={6} />}
      {requests === 0 ? (
        <div className="note">{notes[0] ?? 'No request was seen in the last minutes: send some, then ask again.'}</div>
      ) : (
        <>
          <section className="card grid three" aria-label="In short">
            <Fact value={countText(requests)}>
              {requests === seen ? 'requests' : `of about ${roundText(seen)} requests`} since{' '}
              {clockText(result.sinceMs)} were remembered, and replayed
            </Fact>
            <Fact value={countText(bad)} tone={bad > 0 ? 'is-bad' : 'is-ok'}>
              of these would be answered with an error
            </Fact>
            <Fact value={countText(sum('moves', 'slower'))}>of these would go elsewhere, or be slower</Fact>
            <Fact value={countText(unchanged)}>of these stay as they are</Fact>
          </section>
          <section className="card tight">
            <ChangesTable changes={changes} />
          </section>
        </>
      )}
      {requests > 0 && (
        <ul className="note small plain-list">
          <li>
            Counts are of a sample: a few requests a second of each proxy in each direction, more of those that fail.
            What is rare may not be in it. A request between two proxies counts at both.
          </li>
          {notes.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function ChangesTable({ changes }: { readonly changes: readonly WhatIfChangeJson[] }): ReactNode {
  return (
    <SortedTable
      rows={changes}
      keyOf={(c) => JSON.stringify({ ...c, count: 0, ids: [] })}
      label="Requests whose outcome would change"
      none="Nothing changes for the requests that were remembered."
      columns={[
        {
          name: 'Outcome',
          sort: (c) => c.effect,
          cell: (c) => (
            <span className={`badge ${TONES[c.effect]}`}>
              {WORDS[c.effect]}
              {c.unsure && ' ?'}
            </span>
          ),
        },
        {
          name: 'Request',
          sort: (c) => c.path,
          cell: (c) => (
            <div>
              <div>
                {c.source} → {c.destination}
              </div>
              <code className="small soft">
                {c.method} {c.authority}
                {c.path}
              </code>
              <div className="small soft">as the {c.side}’s proxy saw it</div>
            </div>
          ),
        },
        { name: 'In the sample', number: true, sort: (c) => c.count, cell: (c) => c.count },
        { name: 'Now', cell: (c) => c.before },
        {
          name: 'After the edit',
          cell: (c) => <strong className={c.effect === 'fails' ? 'is-bad' : ''}>{c.after}</strong>,
        },
        {
          name: 'Because of',
          cell: (c) =>
            c.cause === undefined ? (
              <span className="soft">–</span>
            ) : (
              <a href={`/config/${c.cause.kind}/${c.cause.namespace || '-'}/${c.cause.name}`}>
                {c.cause.kind} {c.cause.name}
              </a>
            ),
        },
        {
          name: 'Like',
          cell: (c) =>
            c.ids[0] === undefined ? null : (
              <a href={`/explain/${encodeURIComponent(c.ids.at(-1) ?? '')}`}>one of them</a>
            ),
        },
      ]}
    />
  );
}
