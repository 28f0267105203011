// Beside a choice of ranges: since when the numbers are known, where that is less than the range.
import type { ReactNode } from 'react';
import { useKnownSince } from '../store/ranges.ts';

export function KnownSince({ windowSeconds }: { readonly windowSeconds: number }): ReactNode {
  const since = useKnownSince(windowSeconds);
  return since === undefined ? null : <span className="soft small">{since}</span>;
}
