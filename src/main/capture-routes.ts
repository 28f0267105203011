// What rules of capture need of a pod's namespace beside themselves: the address from which the proxy meets its application
// over IPv6, and the way of marked packets to transparent sockets (Istio's mark 1337 and table 133, inventory §4).
import { readFileSync } from 'node:fs';
import { TRANSPARENT_MARK } from '#agent';
import type { CapturePlan } from '#base';
import { addLoopbackAddress, deliverMarked } from '#io';

const TABLE = 133;
/** `::6`, the fellow of 127.0.0.6. */
const INBOUND_SOURCE = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 6 : 0));

/** In the namespace of this process. Throws when the kernel refuses. */
export function captureRoutes({ transparent }: Pick<CapturePlan, 'transparent'>): void {
  const v6 = hasIpv6();
  if (v6) addLoopbackAddress(INBOUND_SOURCE);
  if (transparent !== true) return;
  deliverMarked(4, TRANSPARENT_MARK, TABLE);
  if (v6) deliverMarked(6, TRANSPARENT_MARK, TABLE);
}

/** Some interface has an address, loopback's own included. */
function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8').trim() !== '';
  } catch {
    return false;
  }
}
