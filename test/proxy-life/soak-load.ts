// Clients and applications that break off at every stage, in a thread of their own.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2, constants, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { SeededRandom } from '#base';

export interface SoakPorts {
  readonly h1: number;
  readonly h2: number;
  readonly tcp: number;
}
export interface SoakOrder {
  readonly ports: SoakPorts;
  readonly seconds: number;
  readonly seed: number;
}
export interface SoakSent {
  readonly started: number;
  /** Requests that nobody broke off, and how many of them came back whole. */
  readonly whole: number;
  readonly wholeAnswered: number;
}

let random = new SeededRandom(1);
const below = (bound: number): number => random.uint32() % bound;
const piece = (): Buffer => Buffer.alloc(1 + below(60_000), 'x');

/** What an application does with a request, by its path. */
function serve(asked: IncomingMessage, answer: ServerResponse): void {
  asked.on('error', () => {});
  answer.on('error', () => {});
  switch (asked.url) {
    case '/die':
      asked.socket.destroy();
      return;
    case '/die-after-head':
      answer.writeHead(200, { 'content-length': 100_000 });
      answer.write('x');
      setTimeout(() => asked.socket.destroy(), below(20));
      return;
    case '/early':
      answer.end('early');
      return;
    case '/slow':
      setTimeout(() => answer.end('slow'), below(300));
      return;
    case '/never':
      return;
    case '/big':
      answer.end(Buffer.alloc(500_000, 'y'));
      return;
    default:
      asked.resume();
      asked.once('end', () => answer.end('fine'));
  }
}

const app = createServer(serve).listen(0, '127.0.0.1');
app.keepAliveTimeout = 400;
app.on('upgrade', (_asked, socket: Socket) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello');
  socket.on('data', (data) => void socket.write(data));
  if (below(3) === 0) setTimeout(() => (below(2) === 0 ? socket.end() : socket.destroy()), below(50));
});
const app2 = createHttp2Server().listen(0, '127.0.0.1');
app2.on('sessionError', () => {});
app2.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const path = headers[':path'];
  if (path === '/die') return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  if (path === '/die-after-head') {
    stream.respond({ ':status': 200 });
    stream.write('x');
    setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), below(20));
    return;
  }
  if (path === '/session') return void stream.session?.destroy();
  if (path === '/never') return;
  if (path === '/big') {
    stream.respond({ ':status': 200 });
    return void stream.end(Buffer.alloc(500_000, 'y'));
  }
  stream.resume();
  const answer = (): void => {
    if (stream.destroyed || stream.headersSent) return;
    stream.respond({ ':status': 200 });
    stream.end('fine');
  };
  if (path === '/early') answer();
  else if (path === '/slow') setTimeout(answer, below(300));
  else stream.once('end', answer);
});
const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => void socket.write(data));
  socket.on('end', () => (below(2) === 0 ? socket.end() : setTimeout(() => socket.destroy(), below(50))));
  if (below(4) === 0) setTimeout(() => (below(2) === 0 ? socket.end() : socket.destroy()), below(100));
}).listen(0, '127.0.0.1');

const PATHS = ['/', '/', '/', '/early', '/slow', '/never', '/die', '/die-after-head', '/big', '/session'];
const sent = { started: 0, whole: 0, wholeAnswered: 0 };

/** Bytes one after another, and the end or a break after any of them. */
async function raw(port: number, parts: readonly (string | Buffer)[], breakAt: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('error', () => {});
  socket.on('close', () => void (closed = true));
  socket.on('data', (data) => void (text.length < 10_000 && (text += data.toString('latin1'))));
  if (below(5) === 0) socket.pause();
  for (let i = 0; i < parts.length && !closed; i++) {
    if (i === breakAt) break;
    socket.write(parts[i] as string | Buffer);
    await sleep(below(10));
  }
  if (breakAt < parts.length || below(2) === 0) await sleep(below(100));
  else for (let i = 0; i < 200 && !closed; i++) await sleep(5);
  const how = below(3);
  if (how === 0) socket.end();
  else if (how === 1) socket.resetAndDestroy();
  socket.resume();
  if (how === 0) await sleep(20);
  socket.destroy();
  return text;
}

function overH1(port: number): Promise<string> {
  const path = PATHS[below(PATHS.length)] as string;
  const breakAt = below(6);
  switch (below(4)) {
    case 0:
      return raw(port, [`GET ${path} HT`, 'TP/1.1\r\nhost: a\r\n', 'x: y\r\n\r\n'], breakAt);
    case 1:
      return raw(
        port,
        [
          `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 120000\r\n\r\n`,
          Buffer.alloc(60_000),
          Buffer.alloc(60_000),
        ],
        breakAt,
      );
    case 2:
      return raw(
        port,
        [
          `POST ${path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`,
          '5\r\nhel',
          'lo\r\n',
          '0\r\n',
          '\r\n',
        ],
        breakAt,
      );
    default:
      return raw(
        port,
        ['GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 'early', piece(), piece()],
        breakAt,
      );
  }
}

async function overH2(port: number): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const streams = Array.from({ length: 1 + below(8) }, () => {
    sent.started++;
    const upload = below(2) === 0;
    const stream = session.request({
      ':method': upload ? 'POST' : 'GET',
      ':path': PATHS[below(PATHS.length)] as string,
    });
    stream.on('error', () => {});
    if (below(4) !== 0) stream.resume();
    if (upload) stream.write(piece());
    if (below(3) !== 0) stream.end();
    return stream;
  });
  await sleep(below(100));
  for (const stream of streams)
    if (below(2) === 0) stream.close(below(2) === 0 ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR);
  await sleep(below(100));
  if (below(2) === 0) session.destroy();
  else {
    session.close();
    await sleep(200);
    session.destroy();
  }
}

/** Nobody breaks this one off. */
async function whole(port: number): Promise<void> {
  sent.whole++;
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: below(2) === 0 ? 'GET' : 'PUT',
    headers: { connection: 'close' },
  }).catch(() => undefined);
  if (answer?.status === 200 && (await answer.text().catch(() => '')) === 'fine') sent.wholeAnswered++;
}

async function one(ports: SoakPorts): Promise<void> {
  sent.started++;
  switch (below(5)) {
    case 0:
      return await overH2(ports.h2);
    case 1:
      return void (await raw(ports.tcp, ['a', piece(), piece(), 'b'], below(7)));
    case 2:
      return await whole(ports.h1);
    default:
      return void (await overH1(ports.h1));
  }
}

async function load({ ports, seconds, seed }: SoakOrder): Promise<void> {
  random = new SeededRandom(seed);
  sent.started = sent.whole = sent.wholeAnswered = 0;
  const pending = new Set<Promise<void>>();
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    while (pending.size < 60) {
      const going = one(ports).catch(() => {});
      pending.add(going);
      void going.then(() => pending.delete(going));
    }
    await sleep(2);
  }
  await Promise.all(pending);
  parentPort?.postMessage({ ...sent } satisfies SoakSent);
}

parentPort?.on('message', (order: SoakOrder) => void load(order));
while (!app.listening || !app2.listening || !echo.listening) await sleep(5);
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
parentPort?.postMessage({ h1: portOf(app), h2: portOf(app2), tcp: portOf(echo) } satisfies SoakPorts);
