// Begins to accept on a socket that is there already, and ends without a loss: what closes with connections in the
// kernel's queue resets them, though their clients believe them open.
import { closeSync } from 'node:fs';
import type { Server } from 'node:net';
import type { ListenOptions } from '#base';
import type { HeldDescriptor } from './listener-book.ts';

/** Rounds of the loop; where connections come without a pause, the last of them are somebody's bad luck. */
const ROUNDS_MAX = 100;
/** A round that lasted longer may have let somebody in behind our look. */
const QUICK_MS = 1;

/** Resolves when the server listens, or will by itself. The descriptor is the server's from now on. */
export async function acceptOn(
  server: Server,
  options: ListenOptions,
  socket: HeldDescriptor,
): Promise<() => Promise<void>> {
  const { fd, until } = socket;
  let closed = false;
  let begun = false;
  const begin = (): Promise<void> => {
    begun = true;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd, backlog: options.backlog ?? 1024 }, () => {
        server.removeAllListeners('error');
        // Accept errors (EMFILE) end single accepts, not the listener.
        server.on('error', () => {});
        resolve();
      });
    });
  };
  if (until === undefined) await begin();
  else void until.then(() => (closed ? undefined : begin()));
  return async () => {
    if (closed) return;
    closed = true;
    if (begun) await closeWhenEmpty(server);
    else closeSync(fd);
  };
}

/** Each round accepts all that wait: after a short one that brought nobody, nobody does. */
export function closeWhenEmpty(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  let came = 0;
  server.on('connection', () => came++);
  return new Promise((resolve) => {
    const round = (left: number): void => {
      came = 0;
      const began = performance.now();
      setImmediate(() => {
        if (left > 0 && (came > 0 || performance.now() - began > QUICK_MS)) return round(left - 1);
        server.close();
        resolve();
      });
    };
    // From one immediate to the next the loop asks the kernel once.
    setImmediate(() => round(ROUNDS_MAX));
  });
}
