// While senders still have to switch between plaintext and TLS, receivers accept both (design 5): the mode that they hold meanwhile.

import type { MtlsMode, PeerAuthenticationIndex } from '#registry';

type Workload = Parameters<PeerAuthenticationIndex['modeOf']>[0];

/**
 * Senders know STRICT and PERMISSIVE apart only by what endpoints say, and speak TLS to both; only a
 * change from or to DISABLE makes them switch. Then receivers are PERMISSIVE until the switch is over.
 */
export function receivingMode(
  next: PeerAuthenticationIndex,
  former: PeerAuthenticationIndex | undefined,
  workload: Workload,
  port?: number,
): MtlsMode {
  const mode = next.modeOf(workload, port);
  if (former === undefined) return mode;
  const before = former.modeOf(workload, port);
  const switches = before !== mode && (before === 'DISABLE' || mode === 'DISABLE');
  return switches ? 'PERMISSIVE' : mode;
}
