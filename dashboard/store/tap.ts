// A tap as state of a screen: records as they come, the newest first, bounded.
import { useEffect, useState } from 'react';
import type { TapRecordJson } from '../../src/telemetry/graph/tap-record.ts';
import { readEvents } from './api.ts';

const KEPT = 1_500;
/** The screen follows in steps, however many requests there are. */
const SHOW_EVERY_MS = 250;

export interface TapState {
  readonly records: readonly TapRecordJson[];
  readonly problem: string;
}

export function useTap(query: string, running: boolean): TapState & { readonly clear: () => void } {
  const [state, setState] = useState<TapState>({ records: [], problem: '' });
  useEffect(() => {
    if (!running) return undefined;
    const stop = new AbortController();
    let fresh: TapRecordJson[] = [];
    setState((before) => ({ ...before, problem: '' }));
    readEvents(
      `/api/v1/tap?${query}`,
      (data) => {
        const record = JSON.parse(data) as TapRecordJson & { readonly error?: string };
        if (record.error === undefined) fresh.unshift(record);
        else setState((before) => ({ ...before, problem: record.error ?? '' }));
      },
      stop.signal,
    ).catch(
      (error: unknown) =>
        stop.signal.aborted ||
        setState((before) => ({ ...before, problem: error instanceof Error ? error.message : String(error) })),
    );
    const timer = setInterval(() => {
      if (fresh.length === 0) return;
      const batch = fresh;
      fresh = [];
      setState((before) => ({ ...before, records: [...batch, ...before.records].slice(0, KEPT) }));
    }, SHOW_EVERY_MS);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [query, running]);
  return { ...state, clear: () => setState({ records: [], problem: '' }) };
}
