// The application of scenarios: says who it is and what it saw, fails or waits on demand, and sends requests into the mesh for a test.
import http from 'node:http';
import process from 'node:process';

const name = process.env['ECHO_NAME'] ?? 'echo';
const version = process.env['ECHO_VERSION'] ?? '';
let failing = false;
let served = 0;

interface Order {
  readonly url: string;
  readonly count: number;
  readonly concurrency: number;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
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
      ...(order.headers === undefined ? {} : { headers: order.headers }),
      ...(order.body === undefined ? {} : { body: order.body }),
    });
    const body = await response.text();
    const headers = Object.fromEntries(response.headers.entries());
    return { status: response.status, ms: performance.now() - started, version: headers['x-version'] ?? '', body: body.slice(0, 4000), headers };
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

async function readAll(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-service': name, 'x-version': version });
  response.end(JSON.stringify(body));
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://self');
  const body = await readAll(request);
  // Orders come from the test itself, straight to the application's own port.
  if (request.method === 'POST' && url.pathname === '/-/order') return send(response, 200, await run(JSON.parse(body) as Order));
  if (request.method === 'POST' && url.pathname === '/-/fail') {
    failing = body === 'on';
    return send(response, 200, { failing });
  }
  if (url.pathname === '/-/served') return send(response, 200, { served });
  served += 1;
  const wait = Number(url.searchParams.get('wait') ?? 0);
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  const status = failing ? 503 : Number(url.searchParams.get('status') ?? 200);
  return send(response, status, { service: name, version, method: request.method, path: request.url, headers: request.headers, body });
});

server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
});

server.keepAliveTimeout = 60_000;
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
