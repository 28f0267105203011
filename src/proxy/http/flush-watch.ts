// A response that was said in full and that the client does not take: it is held for so long, then given up (Envoy's stream_flush_timeout).

import { Deadline } from '#base';
import type { ServerStream } from '#wire/http';
import type { ProxyServices } from '../services.ts';

/** Milliseconds without a byte taken, where the configuration puts no limit on idle streams. */
const FLUSH_DEFAULT_MS = 300_000;

/** Begins to watch; does nothing when all has left already. */
export function watchFlush(stream: ServerStream, idleMs: number, services: ProxyServices, giveUp: () => void): void {
  let left = stream.queuedBytes;
  if (left === 0) return;
  const ms = idleMs > 0 ? idleMs : FLUSH_DEFAULT_MS;
  const { clock, wheel } = services;
  const deadline = new Deadline(() => {
    const now = stream.queuedBytes;
    if (now === 0) return;
    if (now >= left) return giveUp();
    left = now;
    wheel.arm(deadline, ms, clock.now());
  });
  wheel.arm(deadline, ms, clock.now());
}
