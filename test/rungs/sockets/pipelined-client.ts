// Many raw requests over one connection at a time, answers paired with them by their order; what breaks a connection is left out.
import { connect } from 'node:net';

export interface RawAnswer {
  readonly request: string;
  readonly status: number;
  /** The head's text. */
  readonly head: string;
}

const PATIENCE_MS = 120_000;

/** Sends all; `answered` is told of each. A request that ends its connection without an answer is passed over. */
export async function sendPipelined(
  port: number,
  requests: readonly string[],
  answered: (answer: RawAnswer) => void,
): Promise<void> {
  let from = 0;
  while (from < requests.length) {
    const done = await burst(port, requests, from, answered);
    // None came: the first of them broke the connection.
    from += Math.max(1, done);
  }
}

function burst(
  port: number,
  requests: readonly string[],
  from: number,
  answered: (answer: RawAnswer) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    let count = 0;
    const socket = connect(port, '127.0.0.1', () => void socket.write(requests.slice(from).join(''), 'latin1'));
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer in time to ${JSON.stringify(requests[from + count])}`));
    }, PATIENCE_MS);
    const over = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(count);
    };
    socket.on('data', (data) => {
      text += data.toString('latin1');
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = text.slice(0, end);
        const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        text = text.slice(end + 4 + length);
        const request = requests[from + count] as string;
        count++;
        answered({ request, status: Number(head.slice(9, 12)), head });
        if (from + count === requests.length) return over();
      }
    });
    socket.on('error', () => {});
    socket.on('close', over);
  });
}
