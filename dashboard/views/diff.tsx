// Two texts as one list of lines: what was taken out with a minus, what came with a plus.
import { type ReactNode, useMemo } from 'react';
import { diffLines } from '../core/line-diff.ts';

const MARKS = { same: ' ', added: '+', removed: '−' } as const;

export function Diff({ before, after }: { readonly before: string; readonly after: string }): ReactNode {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  return (
    <div className="diff" tabIndex={0} role="region" aria-label="Changes">
      {lines.map((line, i) => (
        <div key={i} className={line.kind}>
          {MARKS[line.kind]} {line.text}
        </div>
      ))}
    </div>
  );
}
