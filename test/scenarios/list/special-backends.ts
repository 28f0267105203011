// Backends that are no applications: a collector of spans, key sets of issuers, a server that says nothing, and pings of HTTP/2.
import { createServer as createHttp, type IncomingMessage } from 'node:http';
import type { Http2ServerRequest, ServerHttp2Session } from 'node:http2';
import { createServer, type Server } from 'node:net';
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
