// Answers DNS over UDP on a socket that somebody else bound (in another namespace, handed over).
import type { Socket } from 'node:dgram';

/** Queries under answer at once; what comes on top is dropped, and resolvers ask again. */
const UNDER_ANSWER_MAX = 512;

export function serveDnsUdp(
  socket: Socket,
  answer: (query: Uint8Array) => Promise<Uint8Array | undefined>,
): { close(): Promise<void> } {
  let open = 0;
  const closed = Promise.withResolvers<void>();
  let closing = false;
  // Whoever comes after us on the same socket does not know of a question that we took.
  const closeWhenIdle = (): void => {
    if (!closing || open > 0) return;
    closing = false;
    socket.close();
    closed.resolve();
  };
  socket.on('error', () => {});
  socket.on('message', (query, from) => {
    if (open >= UNDER_ANSWER_MAX) return;
    open += 1;
    void answer(query)
      .then((bytes) => {
        if (bytes !== undefined) socket.send(bytes, from.port, from.address, () => {});
      })
      .finally(() => {
        open -= 1;
        closeWhenIdle();
      });
  });
  return {
    close: () => {
      closing = true;
      closeWhenIdle();
      return closed.promise;
    },
  };
}
