// The application of scenarios: says who it is and what it saw, fails or waits on demand, and sends requests into the
// mesh for a test. Its orders come over a Unix socket, which a test reaches in every capture tier.
import http from 'node:http';
import type { Socket } from 'node:net';
import process from 'node:process';

const name = process.env['ECHO_NAME'] ?? 'echo';
const version = process.env['ECHO_VERSION'] ?? '';
const proxy = process.env['http_proxy'] ?? '';
/** What takes longer has failed. */
const ANSWER_MS = 30_000;
const LAST_ANSWER_MS = ANSWER_MS + 10_000;
let failing = 0;
let served = 0;

interface Order {
  readonly url: string;
  readonly count: number;
  readonly concurrency: number;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Also of answers with status 200. */
  readonly bodies?: boolean;
  readonly timeoutMs?: number;
}

interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly version: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

async function once(order: Order): Promise<Answer> {
  const started = performance.now();
  try {
    const response = await fetch(order.url, {
      method: order.method ?? 'GET',
      redirect: 'manual',
      signal: AbortSignal.timeout(order.timeoutMs ?? ANSWER_MS),
      ...(order.headers === undefined ? {} : { headers: order.headers }),
      ...(order.body === undefined ? {} : { body: order.body }),
    });
    const body = await response.text();
    const headers = Object.fromEntries(response.headers.entries());
    const kept = order.bodies === true || response.status !== 200;
    return {
      status: response.status,
      ms: performance.now() - started,
      version: headers['x-version'] ?? '',
      body: kept ? body.slice(0, 4000) : '',
      headers: kept ? headers : {},
    };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return { status: 0, ms: performance.now() - started, version: '', body: cause, headers: {} };
  }
}

async function run(order: Order): Promise<Answer[]> {
  const answers: Answer[] = [];
  let left = order.count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      answers.push(await once(order));
    }
  };
  await Promise.all(Array.from({ length: Math.min(order.concurrency, order.count) }, worker));
  return answers;
}

/** Requests at a fixed rate until told to stop; only what failed is kept whole. */
class Flow {
  readonly failures: (Answer & { readonly atMs: number })[] = [];
  sent = 0;
  done = 0;
  slowestMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(order: Order & { readonly perSecond: number }) {
    this.#timer = setInterval(() => {
      this.sent += 1;
      void once(order).then((answer) => {
        this.done += 1;
        this.slowestMs = Math.max(this.slowestMs, answer.ms);
        if (answer.status !== 200 && this.failures.length < 1000) this.failures.push({ ...answer, atMs: Date.now() });
      });
    }, 1000 / order.perSecond);
  }

  async stop(): Promise<unknown> {
    clearInterval(this.#timer);
    for (const end = Date.now() + LAST_ANSWER_MS; this.done < this.sent && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 20));
    return { sent: this.sent, done: this.done, slowestMs: this.slowestMs, failures: this.failures };
  }
}

interface OpenedSocket {
  socket: Socket | undefined;
  readonly status: number;
  closedMs: number;
  echoed: number;
}

/** WebSocket-like connections through the mesh: an upgraded stream whose bytes come back. */
class OpenSockets {
  readonly all: OpenedSocket[] = [];
  #pinger: NodeJS.Timeout | undefined;

  async open(url: string, count: number): Promise<unknown> {
    const opened = await Promise.all(Array.from({ length: count }, () => openOne(url)));
    this.all.push(...opened);
    this.#pinger ??= setInterval(() => {
      for (const one of this.all) if (one.closedMs === 0) one.socket?.write('ping');
    }, 200);
    return opened.map((one) => one.status);
  }

  state(): unknown {
    return this.all.map(({ status, closedMs, echoed }) => ({ status, closedMs, echoed }));
  }

  close(): void {
    clearInterval(this.#pinger);
    for (const one of this.all) one.socket?.destroy();
  }
}

function openOne(url: string): Promise<OpenedSocket> {
  return new Promise((resolve) => {
    const target = new URL(url);
    const way =
      proxy === ''
        ? { host: target.hostname, port: target.port, path: target.pathname }
        : { host: new URL(proxy).hostname, port: new URL(proxy).port, path: url };
    const request = http.request({
      ...way,
      agent: new http.Agent({ keepAlive: false }),
      headers: { host: target.host, connection: 'Upgrade', upgrade: 'websocket' },
    });
    request.on('upgrade', (_response, socket, head) => {
      const one: OpenedSocket = { socket: socket as Socket, status: 101, closedMs: 0, echoed: head.length };
      socket.on('data', (data: Buffer) => (one.echoed += data.length));
      socket.on('error', () => socket.destroy());
      socket.on('close', () => (one.closedMs = Date.now()));
      resolve(one);
    });
    request.on('response', (response) => {
      response.resume();
      resolve({ socket: undefined, status: response.statusCode ?? 0, closedMs: Date.now(), echoed: 0 });
    });
    request.on('error', () => resolve({ socket: undefined, status: 0, closedMs: Date.now(), echoed: 0 }));
    request.end();
  });
}

async function readAll(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-service': name, 'x-version': version });
  response.end(JSON.stringify(body));
}

const flows = new Map<string, Flow>();
const sockets = new OpenSockets();

async function control(path: string, body: string): Promise<unknown> {
  const ask = body === '' ? {} : JSON.parse(body);
  switch (path) {
    case '/order':
      return await run(ask as Order);
    case '/fail':
      failing = Number(ask.status ?? 0);
      return { failing };
    case '/served':
      return { served };
    case '/flow/start':
      flows.set(String(ask.id), new Flow(ask));
      return {};
    case '/flow/stop': {
      const flow = flows.get(String(ask.id));
      flows.delete(String(ask.id));
      return (await flow?.stop()) ?? {};
    }
    case '/sockets/open':
      return await sockets.open(String(ask.url), Number(ask.count));
    case '/sockets/state':
      return sockets.state();
    case '/sockets/close':
      sockets.close();
      return {};
    default:
      return { error: `no order is called ${path}` };
  }
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://self');
  const body = await readAll(request);
  served += 1;
  const wait = Number(url.searchParams.get('wait') ?? 0);
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  const status = failing > 0 ? failing : Number(url.searchParams.get('status') ?? 200);
  send(response, status, {
    service: name,
    version,
    method: request.method,
    path: request.url,
    headers: request.headers,
    body,
  });
});

server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
});

server.keepAliveTimeout = 60_000;
server.listen(Number(process.env['PORT'] ?? 0), process.env['HOST'] ?? '127.0.0.1');
const socketPath = process.env['ECHO_CONTROL'] ?? '';
if (socketPath !== '') {
  http
    .createServer(async (request, response) =>
      send(response, 200, await control(request.url ?? '', await readAll(request))),
    )
    .listen(socketPath);
}
process.on('SIGTERM', () => process.exit(0));
