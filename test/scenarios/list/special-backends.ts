// Backends that are no applications: a collector of spans, key sets of issuers, a server that says nothing, an HTTP proxy, and pings of HTTP/2.
import { createServer as createHttp, type IncomingMessage } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Span } from './spans.ts';

/** Zipkin's, second version, as JSON. */
export function collector(spans: Span[]): Server {
  return createHttp({ keepAliveTimeout: 60_000 }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (chunk: Buffer) => parts.push(chunk));
    request.on('end', () => {
      spans.push(...(JSON.parse(Buffer.concat(parts).toString()) as Span[]));
      response.writeHead(202).end();
    });
  });
}

/** The path is `/MS/KEYS`: how late it answers, and with what, in base64url. */
export function keySets(): Server {
  return createHttp((request, response) => {
    const [, ms = '0', text = ''] = (request.url ?? '').split('/');
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(Buffer.from(text, 'base64url'));
    }, Number(ms)).unref();
  });
}

export function mute(): Server {
  return createServer((socket) => socket.resume());
}

/**
 * Takes CONNECT and POST, over HTTP/1.1 and HTTP/2. `NAME.backend.example` is the backend of this name and `no.example` is refused;
 * at others somebody says again what is said, behind what the proxy was asked.
 */
export function httpProxy(portOf: (backend: string) => number): Server {
  const lead = (bytes: Duplex, what: string, host: string): void => {
    bytes.on('error', () => {});
    const [, backend] = /^([a-z0-9-]+)\.backend\.example:/.exec(host) ?? [];
    if (backend === undefined) return void bytes.on('data', (chunk: Buffer) => bytes.write(`${what} ${host}:${chunk}`));
    const there = connect(portOf(backend), '127.0.0.1').on('error', () => bytes.destroy());
    bytes.pipe(there).pipe(bytes);
  };
  const h1 = createHttp((request, response) => {
    response.writeHead(200).flushHeaders();
    const host = request.headers.host ?? '';
    request.on('data', (chunk: Buffer) => response.write(`${request.method} ${request.url} ${host}:${chunk}`));
    request.on('end', () => response.end());
  });
  h1.on('connect', ({ url = '' }: IncomingMessage, socket: Socket) => {
    if (url.startsWith('no.example:')) return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    lead(socket, 'CONNECT', url);
  });
  const h2 = createHttp2();
  h2.on('stream', (stream, headers) => {
    const host = String(headers[':authority']);
    if (host.startsWith('no.example:')) return stream.respond({ ':status': 403 }, { endStream: true });
    stream.respond({ ':status': 200 });
    lead(stream, `h2 ${headers[':method']}`, host);
  });
  return createServer((socket) => {
    socket.once('readable', () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      socket.unshift(chunk);
      (chunk.toString('latin1').startsWith('PRI *') ? h2 : h1).emit('connection', socket);
    });
  });
}

const pings = new WeakMap<object, number>();

export function countPings(session: ServerHttp2Session): void {
  pings.set(session, 0);
  session.on('ping', () => pings.set(session, (pings.get(session) ?? 0) + 1));
}

/** So far on the request's connection; undefined where that is no HTTP/2. */
export function pingsOf(request: IncomingMessage | Http2ServerRequest): number | undefined {
  const session = 'stream' in request ? request.stream.session : undefined;
  return session === undefined ? undefined : pings.get(session);
}
