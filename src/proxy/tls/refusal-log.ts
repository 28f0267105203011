// One log line for each peer that is refused, with its reason; strangers cannot fill the log by it.

import type { Clock, Logger, PeerCheck } from '#base';

/** Lines at once, and then per second: a whole mesh whose root is wrong is told by a few. */
const BURST = 20;
const PER_SECOND = 2;

export function loggedCheck(
  check: PeerCheck,
  peerIs: 'client' | 'server',
  { clock, log }: { readonly clock: Pick<Clock, 'now'>; readonly log: Logger },
): PeerCheck {
  let tokens = BURST;
  let atMs = clock.now();
  let untold = 0;
  return (peer) => {
    const verdict = check(peer);
    if (verdict.ok) return verdict;
    const nowMs = clock.now();
    tokens = Math.min(BURST, tokens + ((nowMs - atMs) / 1000) * PER_SECOND);
    atMs = nowMs;
    if (tokens < 1) untold++;
    else {
      tokens--;
      log.warn(`a ${peerIs} was refused`, {
        reason: verdict.reason,
        ...(peer.sni === '' ? {} : { sni: peer.sni }),
        ...(untold === 0 ? {} : { untold }),
      });
      untold = 0;
    }
    return verdict;
  };
}
