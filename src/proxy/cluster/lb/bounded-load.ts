// Consistent hashing with bounded loads (Mirrokni et al.): a host with more than its share × factor passes the request on.

import type { Host } from '../host.ts';
import { mix32 } from './hash32.ts';
import type { Picker } from './picker.ts';

export function boundedLoad(hosts: readonly Host[], inner: Picker, balanceFactor: number): Picker {
  const isFull = (host: Host): boolean => {
    let active = 0;
    for (const other of hosts) active += other.activeRequests;
    return host.activeRequests + 1 > Math.ceil(((active + 1) / hosts.length) * (balanceFactor / 100));
  };
  return {
    pick: (hash, attempt) => {
      const first = inner.pick(hash, attempt);
      if (first === undefined || !isFull(first)) return first;
      const start = mix32(hash ^ 0x9e3779b9) % hosts.length;
      for (let i = 0; i < hosts.length; i++) {
        const host = hosts[(start + i) % hosts.length] as Host;
        if (!isFull(host)) return host;
      }
      return first;
    },
  };
}
