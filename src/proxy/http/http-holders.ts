// What an HTTP connection keeps in memory for its client, as what can be given up: a stream of HTTP/2 alone, of HTTP/1.1 with its connection.

import type { Conn } from '#base';
import type { HttpVersion, ServerStream } from '#wire/http';
import type { Holder } from '../overload/held-memory.ts';
import type { HttpStream } from './http-stream.ts';
import { RESCUES } from './rescue.ts';

/** `said`: streams whose response is said in full and not taken by the client. */
export function* httpHolders(
  conn: Conn,
  version: HttpVersion,
  streams: readonly HttpStream[],
  said: Iterable<ServerStream>,
  leastBytes: number,
): Iterable<Holder> {
  for (const stream of streams) if (stream.heldBytes >= leastBytes) yield new OpenStream(stream);
  for (const stream of said) {
    const heldBytes = stream.queuedBytes;
    if (heldBytes < leastBytes) continue;
    yield { heldBytes, shed: () => (version === '2' ? stream.reset('overflow') : conn.destroy()) };
  }
  // What has left its stream and not the process: the client takes nothing of the whole connection.
  const heldBytes = version === '2' ? conn.queuedBytes : 0;
  if (heldBytes >= leastBytes) yield { heldBytes, shed: () => conn.destroy() };
}

class OpenStream implements Holder {
  readonly heldBytes: number;
  readonly #stream: HttpStream;

  constructor(stream: HttpStream) {
    this.#stream = stream;
    this.heldBytes = stream.heldBytes;
  }

  shed(): void {
    const { record, done } = this.#stream;
    if (done) return;
    const { details, flag } = RESCUES.overloaded;
    record.addFlag(flag);
    record.responseCodeDetails = details;
    this.#stream.reset(details, 'overflow');
  }
}
