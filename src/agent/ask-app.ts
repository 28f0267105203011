// One GET to the application where it listens, also inside the namespace of a captured workload: HTTP/1.0, so that the
// body ends with the connection. For its own metrics.
import type { Clock, Conn, ConnHandler, Net } from '#base';

/** As much as merging takes. */
const ANSWER_BYTES_MAX = 16 << 20;
const TIMEOUT_MS = 3_000;
const HEAD_END = '\r\n\r\n';

/** Undefined: nobody answered in time, or not with status 200. */
export function askApp(
  net: Pick<Net, 'connect'>,
  clock: Clock,
  port: number,
  path: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asking = new Asking(resolve);
    asking.start(net.connect({ host: '127.0.0.1', port, timeoutMs: TIMEOUT_MS }, asking), path);
    clock.setTimer(TIMEOUT_MS, () => asking.end(false), { unref: true });
  });
}

class Asking implements ConnHandler {
  readonly #done: (text: string | undefined) => void;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #conn: Conn | undefined;
  #over = false;

  constructor(done: (text: string | undefined) => void) {
    this.#done = done;
  }

  start(conn: Conn, path: string): void {
    this.#conn = conn;
    conn.write(
      Buffer.from(
        `GET ${path} HTTP/1.0\r\nhost: localhost\r\naccept: text/plain;version=0.0.4\r\nconnection: close\r\n\r\n`,
      ),
    );
  }

  onData(data: Buffer): void {
    this.#bytes += data.length;
    if (this.#bytes > ANSWER_BYTES_MAX) return this.end(false);
    this.#pieces.push(Buffer.from(data));
  }

  onEnd(): void {
    this.end(true);
  }

  onDrain(): void {}

  onClose(): void {
    this.end(this.#bytes > 0);
  }

  end(whole: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#conn?.destroy();
    this.#done(whole ? bodyOf(Buffer.concat(this.#pieces).toString('utf8')) : undefined);
  }
}

function bodyOf(answer: string): string | undefined {
  const end = answer.indexOf(HEAD_END);
  return end >= 0 && /^HTTP\/1\.[01] 200 /.test(answer) ? answer.slice(end + HEAD_END.length) : undefined;
}
