// Findings of the control plane, each with its place, its code and the way out.
import type { ReactNode } from 'react';
import type { FindingJson } from '../../src/api/api-json.ts';

export function Findings({
  findings,
  most = 50,
}: {
  readonly findings: readonly FindingJson[];
  readonly most?: number;
}): ReactNode {
  return (
    <ul className="findings">
      {findings.slice(0, most).map((one, i) => (
        <li
          key={`${one.code}${one.object}${one.path}${i}`}
          className={`note ${one.severity === 'error' ? 'bad' : one.severity === 'warning' ? 'warn' : ''}`}
        >
          <strong>{one.severity === 'error' ? 'Error' : one.severity === 'warning' ? 'Warning' : 'Note'}</strong>{' '}
          <code>{one.code}</code>{' '}
          {one.object !== '' && (
            <>
              {one.object}
              {one.line > 0 && <span className="soft"> line {one.line}</span>}:{' '}
            </>
          )}
          {one.message}
          {one.path !== '' && <span className="soft"> ({one.path})</span>}
          {one.remedy !== '' && <div className="small soft">{one.remedy}</div>}
        </li>
      ))}
      {findings.length > most && <li className="soft">… and {findings.length - most} more</li>}
    </ul>
  );
}
