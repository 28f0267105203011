// What a cluster calls on a pod: webhooks over HTTPS, readiness and metrics over plain HTTP. Any Host is right here; nothing changes anything.
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { HttpAnswer, HttpAsked, HttpRoute, TlsContext } from '#base';

export interface PodServerOptions {
  readonly host: string;
  readonly port: number;
  /** Absent = plain HTTP. */
  readonly tls?: TlsContext;
  /** Only plain answers; the last part of a path may be `*` and takes the rest. */
  readonly routes: readonly HttpRoute[];
  readonly failed: (error: unknown) => void;
}

export interface PodServer {
  readonly port: number;
  setTls(context: TlsContext): void;
  close(): void;
}

/** An AdmissionReview holds two versions of an object of at most 1.5 MB. */
const BODY_LIMIT_BYTES = 8 << 20;
const TIMEOUT_MS = 30_000;
const CONNECTIONS_MAX = 1000;

export async function servePod(options: PodServerOptions): Promise<PodServer> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => void handle(options, request, response);
  const times = { keepAliveTimeout: 90_000, requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS };
  const server: Server | HttpsServer =
    options.tls === undefined
      ? createHttpServer(times, answer)
      : createHttpsServer({ ...times, ...pems(options.tls) }, answer);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    setTls: (context) => (server as HttpsServer).setSecureContext(pems(context)),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function pems(context: TlsContext) {
  return {
    cert: context.certChainPem ?? '',
    key: context.privateKeyPem ?? '',
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
  };
}

async function handle(options: PodServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://pod');
    const route = options.routes.find((one) => one.method === request.method && fits(one.path, url.pathname));
    if (route === undefined) return send(response, { status: 404, type: 'text/plain', body: 'not found\n' });
    const body = request.method === 'POST' ? await readBody(request) : '';
    if (body === undefined)
      return send(response, { status: 413, type: 'text/plain', body: `over ${BODY_LIMIT_BYTES} bytes\n` });
    const asked: HttpAsked = {
      method: request.method ?? '',
      path: url.pathname,
      params: {},
      query: url.searchParams,
      // Who asks, where a route wants to know.
      headers: { authorization: request.headers.authorization },
      body,
    };
    const answer = await route.answer(asked);
    send(response, 'open' in answer ? { status: 500, body: '' } : answer);
  } catch (error) {
    options.failed(error);
    if (response.headersSent) response.destroy();
    else send(response, { status: 500, type: 'text/plain', body: 'failed\n' });
  }
}

function fits(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
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

function send(response: ServerResponse, answer: HttpAnswer): void {
  response.writeHead(answer.status ?? 200, {
    'content-type': answer.type ?? 'application/json',
    'content-length': Buffer.byteLength(answer.body),
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  });
  response.end(answer.body);
}
