// The applications of a rollout and its clients, in a thread of their own: HTTP/1.1, HTTP/2, gRPC and TCP at a steady rate.
import { Agent, createServer, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';

export interface RolloutPorts {
  readonly h1: number;
  readonly h2: number;
  readonly tcp: number;
}
export interface LoadOrder {
  readonly ports: RolloutPorts;
  readonly perSecond: number;
  /** Also HTTP/1.1 on a connection of its own for each request. */
  readonly fresh?: boolean;
  /** One in so many is a TCP connection; default 50. */
  readonly tcpEvery?: number;
  /** As long as a backend's proxy waits for what is open (`--drain-time-s`). */
  readonly graceMs: number;
}
export interface LoadEnd {
  readonly sent: Readonly<Record<string, number>>;
  /** "kind: what went wrong" and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

const app = createServer((asked, answer) => {
  asked.resume();
  asked.once('end', () => answer.end('fine'));
}).listen(0, '127.0.0.1');
app.keepAliveTimeout = 60_000;

const app2 = createHttp2Server().listen(0, '127.0.0.1');
app2.on('stream', (stream, headers) => {
  const grpc = headers['content-type'] === 'application/grpc';
  stream.on('error', () => {});
  stream.resume();
  stream.once('end', () => {
    if (stream.destroyed) return;
    stream.respond(
      { ':status': 200, 'content-type': grpc ? 'application/grpc' : 'text/plain' },
      { waitForTrailers: grpc },
    );
    if (grpc) stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 4, 102, 105, 110, 101]));
  });
});

const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => void socket.write(data));
  socket.on('end', () => socket.end());
}).listen(0, '127.0.0.1');

const sent: Record<string, number> = {};
const failures: Record<string, number> = {};
let stop = false;

function note(kind: string, problem: string | undefined): void {
  sent[kind] = (sent[kind] ?? 0) + 1;
  if (problem !== undefined) failures[`${kind}: ${problem}`] = (failures[`${kind}: ${problem}`] ?? 0) + 1;
}

// Each connection in its turn: one that rests for long might be closed just when it is used again.
const agent = new Agent({ keepAlive: true, maxSockets: 32, scheduling: 'fifo' });
/** What has no answer by then has none. */
const PATIENCE_MS = 120_000;

function overH1(port: number, method: string, fresh = false): Promise<void> {
  return new Promise((resolve) => {
    const over = (problem: string | undefined): void => {
      note(fresh ? 'h1 new' : `h1 ${method}`, problem);
      resolve();
    };
    const asked = request(
      { host: '127.0.0.1', port, method, path: '/', agent: fresh ? false : agent, timeout: PATIENCE_MS },
      (answer) => {
        let body = '';
        answer.on('data', (piece) => (body += piece));
        answer.once('end', () => over(answer.statusCode === 200 ? undefined : `${answer.statusCode} ${body}`));
        answer.once('error', (error) => over(error.message));
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', (error) => over(error.message));
    asked.end(method === 'POST' ? 'body' : undefined);
  });
}

let session: ClientHttp2Session | undefined;

/** A client that obeys GOAWAY: new requests go to a new connection. */
function sessionTo(port: number): ClientHttp2Session {
  if (session !== undefined && !session.closed && !session.destroyed) return session;
  session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  session.setMaxListeners(0);
  return session;
}

/** Asks again what was refused unseen, as RFC 9113 §8.7 has it: Node refuses by itself what meets a GOAWAY in its queue. */
async function overH2(port: number, method: string, grpc: boolean): Promise<void> {
  const kind = grpc ? 'gRPC' : `h2 ${method}`;
  let problem = await onceOverH2(port, method, grpc);
  for (let again = 0; again < 2 && problem?.includes('REFUSED_STREAM') === true; again++)
    problem = await onceOverH2(port, method, grpc);
  note(kind, problem);
}

function onceOverH2(port: number, method: string, grpc: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    let status = 0;
    let grpcStatus: string | undefined;
    let problem: string | undefined;
    const headers = {
      ':method': method,
      ':path': '/',
      ...(grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
    };
    const stream = sessionTo(port).request(headers);
    stream.setTimeout(PATIENCE_MS, () => void ((problem = 'no answer'), stream.close()));
    stream.on('response', (head) => {
      status = Number(head[':status']);
      grpcStatus = head['grpc-status'] as string | undefined;
    });
    stream.on('trailers', (trailers) => void (grpcStatus = String(trailers['grpc-status'])));
    stream.on('error', (error) => void (problem = error.message));
    stream.on('close', () => {
      if (problem === undefined && status !== 200) problem = `status ${status}`;
      if (problem === undefined && grpc && grpcStatus !== '0') problem = `grpc-status ${grpcStatus}`;
      resolve(problem);
    });
    stream.resume();
    stream.end(method === 'POST' ? 'body' : undefined);
  });
}

/**
 * Lives for up to a second and says something twice. On a machine that lets this process stand still for longer than a
 * backend's grace, it is cut rightly: that says nothing of the proxy.
 */
function overTcp(port: number, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect(port, '127.0.0.1');
    let own = 0;
    let text = '';
    let problem: string | undefined = 'closed early';
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing came back')));
    socket.on('connect', () => {
      own = socket.localPort ?? 0;
      socket.write('first');
    });
    let saidAll = false;
    const goOn = (): void => {
      saidAll = true;
      socket.end('second');
    };
    socket.on('data', (data) => {
      text += data.toString();
      if (text === 'first') setTimeout(goOn, Math.random() * 1000);
    });
    socket.on('end', () => void (problem = text === 'firstsecond' ? undefined : `cut after "${text}"`));
    socket.on('error', (error) => void (problem = error.message));
    socket.on('close', () => {
      const age = performance.now() - began;
      const how = `after ${Math.round(age)} ms, ${saidAll ? 'both words' : 'one word'} said, from port ${own}`;
      if (problem !== undefined && age > graceMs) note('TCP kept too long by its client', undefined);
      else note('TCP', problem === undefined ? undefined : `${problem} ${how}`);
      resolve();
    });
  });
}

async function load({ ports, perSecond, fresh = false, tcpEvery = 50, graceMs }: LoadOrder): Promise<void> {
  const pending = new Set<Promise<void>>();
  const kinds = [
    () => overH1(ports.h1, 'GET'),
    () => overH1(ports.h1, 'POST'),
    () => overH2(ports.h2, 'GET', false),
    () => overH2(ports.h2, 'POST', false),
    () => overH2(ports.h2, 'POST', true),
    ...(fresh ? [() => overH1(ports.h1, 'GET', true)] : []),
  ];
  // A machine that cannot keep up gets less, not a queue without end.
  const most = 2 * perSecond;
  const began = performance.now();
  for (let n = 0; !stop; ) {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
    for (; n < due && pending.size < most; n++) {
      const one =
        n % tcpEvery === tcpEvery - 1
          ? overTcp(ports.tcp, graceMs)
          : (kinds[n % kinds.length] as () => Promise<void>)();
      pending.add(one);
      void one.then(() => pending.delete(one));
    }
    if (pending.size >= most) n = due;
    await sleep(2);
  }
  await Promise.all(pending);
  parentPort?.postMessage({ sent, failures } satisfies LoadEnd);
}

parentPort?.on('message', (order: LoadOrder | 'stop' | 'count') => {
  if (order === 'stop') stop = true;
  else if (order === 'count') parentPort?.postMessage({ sent, failures } satisfies LoadEnd);
  else void load(order);
});
while (!app.listening || !app2.listening || !echo.listening) await sleep(5);
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
parentPort?.postMessage({ h1: portOf(app), h2: portOf(app2), tcp: portOf(echo) } satisfies RolloutPorts);
