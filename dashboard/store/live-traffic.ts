// Traffic as it flows: one event a second while the page looks at now, one answer when it looks at the past.
import { useEffect, useState } from 'react';
import type { TrafficJson } from '../../src/api/dashboard-json.ts';
import { usePastTraffic } from './api.ts';

export interface LiveTraffic {
  readonly traffic: TrafficJson | undefined;
  readonly state: 'connecting' | 'live' | 'lost' | 'past';
}

export function useLiveTraffic(windowSeconds: number, until: number | undefined): LiveTraffic {
  const [live, setLive] = useState<LiveTraffic>({ traffic: undefined, state: 'connecting' });
  const past = usePastTraffic(windowSeconds, until);
  useEffect(() => {
    if (until !== undefined) return undefined;
    const source = new EventSource(`/api/v1/traffic/events?window=${windowSeconds}`);
    source.onmessage = (event: MessageEvent<string>) =>
      setLive({ traffic: JSON.parse(event.data) as TrafficJson, state: 'live' });
    source.onerror = () => setLive((before) => ({ ...before, state: 'lost' }));
    return () => source.close();
  }, [windowSeconds, until]);
  return until === undefined ? live : { traffic: past.data, state: 'past' };
}
