// Cost of one HTTP/1.1 request inside the proxy, without sockets: connections in memory, the work of bench/work/h1.yaml.
//
//   node bench/micro/request.ts [--requests 200000] [--rounds 7]

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeTurn, openTurn } from '#base';
import type {
  BoundListener,
  Conn,
  ConnectOptions,
  ConnHandler,
  Draft,
  ListenOptions,
  Net,
  TlsServerResult,
} from '#base';
import { FileSecrets } from '#identity';
import { createLogger, SystemClock, SystemFs, SystemRandom } from '#io';
import { startProxy } from '../../src/main/proxy.ts';
import { readBootstrap } from '../../src/main/read-bootstrap.ts';
import { programOptions } from '../../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: { requests: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '7' } },
});
const REQUESTS = Number(values.requests);
const ROUNDS = Number(values.rounds);
const CONNECTIONS = 32;
const REQUEST = Buffer.from(
  'GET /bench?x=1 HTTP/1.1\r\nhost: 127.0.0.1:18080\r\nuser-agent: topsail-bench\r\naccept: */*\r\n\r\n',
);
const BODY = '{"status":"ok","service":"backend","version":"v1","padding":"0123456789abcd"}\n';
const RESPONSE = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const none: ConnHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
/** Stands for the kernel: what is written is copied, which flattens text as a write does. */
const wire = Buffer.allocUnsafeSlow(65_536);

class MemoryConn implements Conn {
  static #next = 1;
  readonly id = MemoryConn.#next++;
  handler: ConnHandler = none;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 40_000;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 18_080;
  readonly tls = undefined;
  readonly destroyed = false;
  readonly queuedBytes = 0;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  readonly endedByPeer = false;
  readonly holdsUnread = false;
  written = 0;

  write(data: Uint8Array): boolean {
    this.written += data.length;
    wire.set(data, 0);
    return true;
  }
  writeDraft(draft: Draft): boolean {
    return this.write(draft.view());
  }
  writeText(text: string): boolean {
    this.written += text.length;
    (wire as unknown as { latin1Write(t: string, a: number, n: number): void }).latin1Write(text, 0, text.length);
    return true;
  }
  receive(data: Buffer): void {
    data.copy(wire, 0);
    openTurn();
    if (this.handler.onShortData?.(wire, data.length) !== true) this.handler.onData(Buffer.from(data));
    closeTurn();
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
  unread(): void {}
  originalDestination(): undefined {
    return undefined;
  }
  startTlsServer(_: unknown, done: (result: TlsServerResult) => void): void {
    done({ ok: true, conn: this });
  }
}

class MemoryNet implements Net {
  accept: (conn: Conn) => void = () => {};
  readonly upstream: MemoryConn[] = [];

  listen(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener> {
    this.accept = accept;
    return Promise.resolve({ address: options.host, port: options.port, close: () => {} });
  }
  connect(_: ConnectOptions, handler: ConnHandler): Conn {
    const conn = new MemoryConn();
    conn.handler = handler;
    this.upstream.push(conn);
    queueMicrotask(() => conn.handler.onConnected?.());
    return conn;
  }
  resolve(host: string): Promise<{ addresses: string[]; ttlMs: number }> {
    return Promise.resolve({ addresses: [host], ttlMs: 1000 });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'topsail-micro-'));
const variables: Readonly<Record<string, string>> = {
  LISTEN_PORT: '18080',
  BACKEND_PORT: '18081',
  ADMIN_PORT: '18082',
  ACCESS_LOG: join(folder, 'access.log'),
};
const work = readFileSync(join(import.meta.dirname, '..', 'work', 'h1.yaml'), 'utf8').replace(
  /\$\{(\w+)\}/g,
  (_, key: string) => variables[key] as string,
);
const net = new MemoryNet();
const log = createLogger({ level: 'error' });
const handle = await startProxy({
  bootstrap: await readBootstrap(work),
  clock: new SystemClock(),
  random: new SystemRandom(),
  net,
  log,
  secrets: new FileSecrets({ fs: new SystemFs(), log }),
});
const clients = Array.from({ length: CONNECTIONS }, () => new MemoryConn());
for (const client of clients) net.accept(client);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Every connection sends one request, then every upstream connection answers. */
function exchange(): void {
  for (const client of clients) client.receive(REQUEST);
  for (const conn of net.upstream) conn.receive(RESPONSE);
}
exchange();
await turn();
for (const conn of net.upstream) conn.receive(RESPONSE);
const times: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const before = process.cpuUsage();
  for (let done = 0; done < REQUESTS; done += CONNECTIONS) {
    exchange();
    await turn();
  }
  const { user, system } = process.cpuUsage(before);
  if (round > 0) times.push((user + system) / REQUESTS);
}
const answered = clients.reduce((sum, client) => sum + client.written, 0);
times.sort((a, b) => a - b);
console.log(
  `${(times[ROUNDS >> 1] as number).toFixed(2)} µs a request (${(times[0] as number).toFixed(2)}–${(times.at(-1) as number).toFixed(2)}), ${Math.round(answered / ((ROUNDS + 1) * REQUESTS))} bytes each`,
);
handle.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
