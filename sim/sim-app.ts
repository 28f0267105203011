// The application of a simulated workload: answers after a while, says who it is, and sends requests of its own.
import type { Conn, ConnError, ConnHandler, Random } from '#base';
import type { SimNet } from './sim-net.ts';

export interface Served {
  readonly id: string;
  readonly method: string;
  /** Set where the caller is no workload of the mesh. */
  readonly outside: boolean;
}

export interface Asked {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly body: string;
}

const ANSWER_MS = 8;
const PATIENCE_MS = 20_000;

export class SimApp {
  readonly #net: SimNet;
  readonly #random: Random;
  readonly #version: string;
  readonly #served: (request: Served) => void;

  constructor(net: SimNet, random: Random, version: string, served: (request: Served) => void) {
    this.#net = net;
    this.#random = random;
    this.#version = version;
    this.#served = served;
  }

  serve(port: number): void {
    this.#net.listenAsApp(port, (conn) => new ServerSide(conn, (head, conn) => this.#answer(head, conn)));
  }

  #answer(head: string, conn: Conn): void {
    const [, method = '', id = ''] = /^(\w+) \/([^ ]*)/.exec(head) ?? [];
    this.#served({ id, method, outside: /^x-outside:/im.test(head) });
    this.#net.clock.setTimer(1 + this.#random.float() * ANSWER_MS, () => {
      if (conn.destroyed) return;
      const body = this.#version;
      conn.writeText(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  }

  /** One request on a connection of its own, through the workload's proxy. */
  ask(host: string, port: number, name: string, method: string, id: string, done: (answer: Asked) => void): void {
    const text = `${method} /${id} HTTP/1.1\r\nhost: ${name}\r\ncontent-length: 0\r\n\r\n`;
    ask(this.#net, (handler) => this.#net.connectAsApp(host, port, handler), text, done);
  }
}

/** From a machine outside of the mesh, in plaintext. */
export function askOutside(net: SimNet, host: string, port: number, id: string, done: (answer: Asked) => void): void {
  const text = `GET /${id} HTTP/1.1\r\nhost: plain\r\nx-outside: 1\r\n\r\n`;
  ask(net, (handler) => net.connect({ host, port, timeoutMs: 1000 }, handler), text, done);
}

function ask(net: SimNet, connect: (handler: ConnHandler) => Conn, text: string, done: (answer: Asked) => void): void {
  let received = '';
  let over = false;
  const finish = (answer: Asked): void => {
    if (over) return;
    over = true;
    late.cancel();
    done(answer);
    conn.destroy();
  };
  const conn = connect({
    onConnected: () => void conn.writeText(text),
    onData: (data) => {
      received += data.toString('latin1');
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/^content-length: (\d+)/im.exec(received.slice(0, head))?.[1] ?? 0);
      if (received.length < head + 4 + length) return;
      finish({ status: Number(received.slice(9, 12)), body: received.slice(head + 4) });
    },
    onEnd: () => finish({ status: 0, body: 'ended' }),
    onDrain: () => {},
    onClose: (error: ConnError | undefined) => finish({ status: 0, body: error?.message ?? 'closed' }),
  });
  const late = net.clock.setTimer(PATIENCE_MS, () => finish({ status: 0, body: 'no answer' }));
}

/** Requests without bodies, one after another. */
class ServerSide implements ConnHandler {
  readonly #conn: Conn;
  readonly #answer: (head: string, conn: Conn) => void;
  #text = '';

  constructor(conn: Conn, answer: (head: string, conn: Conn) => void) {
    this.#conn = conn;
    this.#answer = answer;
    conn.handler = this;
  }

  onData(data: Buffer): void {
    this.#text += data.toString('latin1');
    for (let end = this.#text.indexOf('\r\n\r\n'); end >= 0; end = this.#text.indexOf('\r\n\r\n')) {
      const head = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 4);
      this.#answer(head, this.#conn);
    }
  }
  onEnd(): void {
    this.#conn.end();
  }
  onDrain(): void {}
  onClose(): void {}
}
