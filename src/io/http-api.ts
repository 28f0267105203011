// Serves routes over node:http on loopback or a Unix socket. A browser page from elsewhere must not reach a
// loopback port: foreign Host and Origin headers are refused, and whatever changes something needs the token.
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAnswer, HttpAsked, HttpEvents, HttpRoute } from '#base';

/** The largest body of a write: a folder of manifests fits many times. */
const BODY_LIMIT_BYTES = 8 << 20;
const EVENT_QUEUE_LIMIT_BYTES = 1 << 20;
/** Pages hold a few streams each; whoever opens more takes descriptors from the mesh. */
const CONNECTIONS_MAX = 1000;
/** For a request to arrive in; streams of answers have no end. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface HttpApiOptions {
  /** A path beginning with '/' is a Unix socket (mode 0600), else an IP address. */
  readonly host: string;
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  /** Writes need `Authorization: Bearer <token>`. Undefined: whoever can connect may write (Unix socket). */
  readonly token?: string;
  /** Names under which the server may be called, beside loopback's. */
  readonly hostNames?: readonly string[];
  readonly failed?: (error: unknown) => void;
}

export interface HttpApi {
  readonly port: number;
  close(): void;
}

export async function serveHttpApi(options: HttpApiOptions): Promise<HttpApi> {
  const routes = options.routes.map((route) => ({ route, parts: route.path.split('/') }));
  const times = { keepAliveTimeout: 30_000, headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
  const server = createServer(times, (request, response) => {
    void handle(options, routes, request, response);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, options);
  const address = server.address();
  return {
    port: typeof address === 'object' ? ((address as AddressInfo | null)?.port ?? 0) : 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface CompiledRoute {
  readonly route: HttpRoute;
  readonly parts: readonly string[];
}

function listen(server: Server, options: HttpApiOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (!options.host.startsWith('/')) {
      server.listen(options.port, options.host, done);
      return;
    }
    rmSync(options.host, { force: true });
    const before = process.umask(0o177);
    server.listen(options.host, () => {
      chmodSync(options.host, 0o600);
      done();
    });
    process.umask(before);
  });
}

async function handle(
  options: HttpApiOptions,
  routes: readonly CompiledRoute[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = URL.parse(request.url ?? '/', 'http://topsail');
    if (url === null) return send(response, { status: 400, body: problem('the address is none') });
    const refusal = options.host.startsWith('/') ? undefined : foreign(request, options.hostNames ?? []);
    if (refusal !== undefined) return send(response, { status: 403, body: problem(refusal) });
    const found = match(routes, request.method ?? 'GET', url.pathname);
    if (found === undefined)
      return send(response, { status: 404, body: problem(`no ${request.method} ${url.pathname} here`) });
    if (found.route.write === true && !mayWrite(options.token, request)) {
      return send(response, {
        status: 401,
        body: problem(
          'this needs the token of run.json: run the command as the user that started the mesh, or give --home',
        ),
      });
    }
    const body = request.method === 'POST' ? await readBody(request) : '';
    if (body === undefined)
      return send(response, {
        status: 413,
        body: problem(`the request has over ${BODY_LIMIT_BYTES} bytes: send it in several parts`),
      });
    const asked: HttpAsked = {
      method: request.method ?? 'GET',
      path: url.pathname,
      params: found.params,
      query: url.searchParams,
      headers: flatHeaders(request),
      body,
    };
    const answer = await found.route.answer(asked);
    if ('open' in answer) streamEvents(response, answer);
    else send(response, answer);
  } catch (error) {
    // What a caller wrote is read with JSON.parse by the routes.
    if (error instanceof SyntaxError && !response.headersSent)
      return send(response, { status: 400, body: problem(error.message) });
    options.failed?.(error);
    if (!response.headersSent)
      send(response, { status: 500, body: problem(error instanceof Error ? error.message : String(error)) });
    else response.destroy();
  }
}

function problem(error: string): string {
  return `${JSON.stringify({ error })}\n`;
}

function foreign(request: IncomingMessage, names: readonly string[]): string | undefined {
  const host = request.headers.host ?? '';
  if (!ownName(host, names)) return `Host "${host}" is not this mesh: use 127.0.0.1`;
  const origin = request.headers.origin;
  if (origin === undefined) return undefined;
  // Another port of this machine is another's page.
  return origin.toLowerCase() === `http://${host.toLowerCase()}`
    ? undefined
    : `Origin "${origin}" may not call this mesh`;
}

function ownName(hostAndPort: string, names: readonly string[]): boolean {
  const host = hostAndPort.replace(/:\d+$/, '').toLowerCase();
  return host === '127.0.0.1' || host === 'localhost' || host === '[::1]' || names.includes(host);
}

function mayWrite(token: string | undefined, request: IncomingMessage): boolean {
  if (token === undefined) return true;
  const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function match(
  routes: readonly CompiledRoute[],
  method: string,
  path: string,
): { route: HttpRoute; params: Record<string, string> } | undefined {
  const given = path.split('/');
  for (const { route, parts } of routes) {
    if (route.method !== method || parts.length !== given.length) continue;
    const params: Record<string, string> = {};
    const fits = parts.every((part, i) => {
      const text = given[i] as string;
      if (!part.startsWith(':')) return part === text;
      params[part.slice(1)] = decode(text);
      return text !== '';
    });
    if (fits) return { route, params };
  }
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function flatHeaders(request: IncomingMessage): Record<string, string | undefined> {
  const flat: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers))
    flat[name] = Array.isArray(value) ? value.join(', ') : value;
  return flat;
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy':
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
} as const;

function send(response: ServerResponse, answer: HttpAnswer): void {
  response.writeHead(answer.status ?? 200, {
    ...SAFE_HEADERS,
    'content-type': answer.type ?? 'application/json',
    'content-length': Buffer.byteLength(answer.body),
    ...answer.headers,
  });
  response.end(answer.body);
}

function streamEvents(response: ServerResponse, events: HttpEvents): void {
  response.writeHead(200, { ...SAFE_HEADERS, 'content-type': 'text/event-stream' });
  response.flushHeaders();
  const close = events.open((data) => {
    // A page that does not read is dropped; it connects again by itself.
    if (response.writableLength > EVENT_QUEUE_LIMIT_BYTES) response.destroy();
    else response.write(`data: ${data}\n\n`);
  });
  response.on('close', close);
}
