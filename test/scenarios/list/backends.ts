// Applications that tell what reached them, and answer as the request asks: HTTP/1.1 and h2c on one port, TLS, plain TCP.
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { collector, countPings, httpProxy, keySets, mute, pingsOf } from './special-backends.ts';
import type { Span } from './spans.ts';

export interface Seen {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly protocol: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** By the `x-case` header: everything that any backend was asked. */
export class Arrivals {
  readonly #byCase = new Map<string, Seen[]>();

  add(seen: Seen): void {
    const id = String(seen.headers['x-case'] ?? '');
    const list = this.#byCase.get(id);
    if (list === undefined) this.#byCase.set(id, [seen]);
    else list.push(seen);
  }

  of(id: string): readonly Seen[] {
    return this.#byCase.get(id) ?? [];
  }

  clear(): void {
    this.#byCase.clear();
  }
}

export interface Backends {
  readonly arrivals: Arrivals;
  /** What the collector got. */
  readonly spans: readonly Span[];
  port(name: string): number;
  close(): void;
}

const HTTP = ['web-v1', 'web-v2', 'web-v3', 'api-v1', 'api-v2', 'server', 'ext'];
const TCP = ['db-v1', 'db-v2', 'server-tcp'];
const H2_PREFACE = 'PRI *';

export interface SecureFacts {
  readonly cert: string;
  readonly key: string;
  /** Whose clients `mutual` takes. */
  readonly roots: string;
}

export async function startBackends(secure: SecureFacts): Promise<Backends> {
  const arrivals = new Arrivals();
  const spans: Span[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const ports = new Map<string, number>();
  const listen = async (name: string, server: Server): Promise<void> => {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.set(name, (server.address() as AddressInfo).port);
  };
  for (const name of HTTP) await listen(name, httpBackend(name, arrivals));
  for (const name of TCP) await listen(name, tcpBackend(name));
  await listen('secure', tlsBackend('secure', arrivals, secure, false));
  await listen('vault', tlsBackend('vault', arrivals, secure, false));
  await listen('mutual', tlsBackend('mutual', arrivals, secure, true));
  await listen('collector', collector(spans));
  await listen('key-sets', keySets());
  await listen('mute', mute());
  await listen(
    'http-proxy',
    httpProxy((name) => ports.get(name) ?? 1),
  );
  return {
    arrivals,
    spans,
    port: (name) => ports.get(name) ?? 1,
    close: () => {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function httpBackend(name: string, arrivals: Arrivals): Server {
  const answer = answerer(name, arrivals);
  const h1 = createHttp({ keepAliveTimeout: 60_000 }, answer);
  h1.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    arrivals.add(seenOf(name, request, ''));
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-backend: ${name}\r\n\r\n`,
    );
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
  });
  const h2 = createHttp2(answer as never);
  h2.on('session', countPings);
  return createServer((socket) => {
    socket.once('readable', () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      socket.unshift(chunk);
      (chunk.toString('latin1').startsWith(H2_PREFACE) ? h2 : h1).emit('connection', socket);
    });
  });
}

/** Who has to show a certificate is told which: `x-caller` of the answer. */
function tlsBackend(name: string, arrivals: Arrivals, { cert, key, roots }: SecureFacts, mutual: boolean): Server {
  const answer = answerer(name, arrivals);
  const h1 = createHttp({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (mutual)
      response.setHeader('x-caller', String((request.socket as TLSSocket).getPeerCertificate().subjectaltname));
    answer(request, response);
  });
  const clients = mutual ? { requestCert: true, rejectUnauthorized: true, ca: roots } : {};
  return createTls({ cert, key, ALPNProtocols: ['http/1.1'], ...clients }, (socket) => h1.emit('connection', socket));
}

function tcpBackend(name: string): Server {
  return createServer((socket) => socket.on('data', (chunk: Buffer) => socket.write(`${name}:${chunk.toString()}`)));
}

function answerer(name: string, arrivals: Arrivals) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      const seen = seenOf(name, request, Buffer.concat(parts).toString());
      arrivals.add(seen);
      const asked = (header: string): string => String(seen.headers[header] ?? '');
      if (asked('x-reset') !== '' && !isServedOnce(asked('x-reset'), arrivals, seen))
        return void request.socket.destroy();
      const reply = (): void => {
        const nth = arrivals.of(asked('x-case')).filter((one) => one.backend === name).length - 1;
        const statuses = asked('x-answer').split(',').map(Number);
        const only = asked('x-only');
        const status = (only === '' || only === name ? statuses[Math.min(nth, statuses.length - 1)] : 0) || 200;
        const extra = asked('x-reply') === '' ? {} : (JSON.parse(asked('x-reply')) as Record<string, string>);
        const pings = pingsOf(request);
        response.writeHead(status, {
          'content-type': 'application/json',
          'x-backend': name,
          ...(pings === undefined ? {} : { 'x-pings': String(pings) }),
          ...extra,
        });
        response.end(JSON.stringify(seen));
      };
      const delay = Number(asked('x-delay'));
      if (delay > 0) setTimeout(reply, delay);
      else reply();
    });
  };
}

/** `x-reset: once` closes the first attempt only. */
function isServedOnce(how: string, arrivals: Arrivals, seen: Seen): boolean {
  return how === 'once' && arrivals.of(String(seen.headers['x-case'])).length > 1;
}

function seenOf(backend: string, request: IncomingMessage, body: string): Seen {
  return {
    backend,
    method: request.method ?? '',
    path: request.url ?? '',
    authority: String(request.headers[':authority'] ?? request.headers.host ?? ''),
    protocol: request.httpVersion,
    headers: request.headers,
    body,
  };
}
