// Traffic as it flows: one event a second while the page looks at now, one answer when it looks at the past, and now and
// then one where the range is longer than what the mesh keeps.
import { useEffect, useState } from 'react';
import type { TrafficJson } from '../../src/api/dashboard-json.ts';
import { KEPT_SECONDS, usePastTraffic, useTrafficOf } from './api.ts';

export interface LiveTraffic {
  readonly traffic: TrafficJson | undefined;
  readonly state: 'connecting' | 'live' | 'lost' | 'past';
}

export function useLiveTraffic(windowSeconds: number, until: number | undefined): LiveTraffic {
  const [live, setLive] = useState<LiveTraffic>({ traffic: undefined, state: 'connecting' });
  const isLong = windowSeconds > KEPT_SECONDS;
  const past = usePastTraffic(windowSeconds, until);
  const long = useTrafficOf(isLong ? windowSeconds : KEPT_SECONDS, undefined, isLong && until === undefined);
  useEffect(() => {
    if (until !== undefined || isLong) return undefined;
    const source = new EventSource(`/api/v1/traffic/events?window=${windowSeconds}`);
    source.onmessage = (event: MessageEvent<string>) =>
      setLive({ traffic: JSON.parse(event.data) as TrafficJson, state: 'live' });
    source.onerror = () => setLive((before) => ({ ...before, state: 'lost' }));
    return () => source.close();
  }, [windowSeconds, until, isLong]);
  if (until !== undefined) return { traffic: past.data, state: 'past' };
  return isLong ? { traffic: long.data, state: long.isError ? 'lost' : 'past' } : live;
}
