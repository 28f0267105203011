// A workload's log: access log entries as rows that lead to Explain, other lines as they are; or all lines as they were written.
import { type ReactNode, useState } from 'react';
import { millisText } from '../core/format.ts';
import { type LogLine, readLogLine } from '../core/log-lines.ts';
import { Segmented } from './pieces.tsx';

const KINDS = [
  ['all', 'All'],
  ['access', 'Requests'],
  ['failed', 'Failed requests'],
  ['rest', 'Agent and application'],
  ['raw', 'As written'],
] as const;
type Kind = (typeof KINDS)[number][0];

export function LogView({ name, lines }: { readonly name: string; readonly lines: readonly string[] }): ReactNode {
  const [wanted, setWanted] = useState('');
  const [kind, setKind] = useState<Kind>('all');
  const fitting = lines
    .filter((line) => line.toLowerCase().includes(wanted.toLowerCase()))
    .map(readLogLine)
    .filter((line) => isOf(line, kind))
    .reverse();
  return (
    <div className="stack">
      <div className="row">
        <Segmented label="Which lines" value={kind} options={KINDS} onChange={setKind} />
        <input
          type="search"
          className="grow"
          placeholder="Only lines with"
          aria-label="Filter lines"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
        <span className="soft small">
          {fitting.length} of the last {lines.length} lines, the newest first
        </span>
      </div>
      <div className="log" tabIndex={0} role="log" aria-label={`Log of ${name}`}>
        {fitting.length === 0
          ? lines.length === 0
            ? 'Nothing was written yet.'
            : 'No such line.'
          : kind === 'raw'
            ? fitting.map((line) => line.raw).join('\n')
            : fitting.map((line, i) => <Line key={i} line={line} />)}
      </div>
    </div>
  );
}

function isOf(line: LogLine, kind: Kind): boolean {
  if (kind === 'all' || kind === 'raw') return true;
  if (kind === 'rest') return line.kind !== 'access';
  return line.kind === 'access' && (kind === 'access' || hasFailed(line));
}

function hasFailed({ status, flags }: LogLine): boolean {
  return status === 0 ? flags !== '' : status >= 500 || status === 401 || status === 403 || status === 429;
}

function Line({ line }: { readonly line: LogLine }): ReactNode {
  const { kind, time, level, words, status, flags, durationMs, to, requestId, raw } = line;
  if (kind !== 'access')
    return (
      <div className={`line ${level === 'error' || level === 'fatal' ? 'is-bad' : level === 'warn' ? 'is-warn' : ''}`}>
        {time !== '' && <span className="soft">{time} </span>}
        {words}
      </div>
    );
  return (
    <div className="line" title={raw}>
      <span className="soft">{time} </span>
      <span className={hasFailed(line) ? 'is-bad' : 'is-ok'}>
        {status === 0 ? '  –' : status}
        {flags !== '' && ` ${flags}`}
      </span>{' '}
      {requestId === '' ? words : <a href={`/explain/${encodeURIComponent(requestId)}`}>{words}</a>}
      <span className="soft">
        {to !== '' && ` → ${to}`}{' '}
        {durationMs !== null && millisText(Math.max(durationMs, 0.5)).replace('0.5 ms', '<1 ms')}
      </span>
    </div>
  );
}
