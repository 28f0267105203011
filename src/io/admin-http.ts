// Serves a StreamedHandler over node:http: the proxy's admin and metrics ports. Bodies leave a piece a
// turn of the loop, at the reader's pace. Pages of other sites must not reach a loopback port through a
// browser: Host must be an address (or localhost), and a foreign Origin is refused.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import type { BoundListener, ListenOptions, StreamedAnswer, StreamedHandler } from '#base';

/** Answers at the same time; beyond it 503. A scrape and a few people. */
const MAX_CONCURRENT = 16;

export async function serveAdminHttp(
  options: ListenOptions,
  handler: StreamedHandler,
  failed: (error: unknown) => void,
): Promise<BoundListener> {
  let active = 0;
  const server = createServer(
    { keepAliveTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 16_384 },
    (request, response) => {
      request.resume();
      const refusal = isForeign(request);
      if (refusal || active >= MAX_CONCURRENT) {
        send(
          response,
          {
            status: refusal ? 403 : 503,
            contentType: 'text/plain',
            body: refusal ? 'foreign Host or Origin: use the address\n' : 'busy\n',
          },
          false,
        ).catch(failed);
        return;
      }
      active++;
      answer(request, response, handler)
        .catch((error: unknown) => {
          failed(error);
          response.destroy();
        })
        .finally(() => active--);
    },
  );
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const isPath = options.host.startsWith('/');
    server.listen(isPath ? { path: options.host } : { host: options.host, port: options.port }, resolve);
  });
  const address = server.address() as AddressInfo | string | null;
  const bound = typeof address === 'object' && address !== null ? address : { address: options.host, port: 0 };
  return {
    address: bound.address,
    port: bound.port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: StreamedHandler): Promise<void> {
  const target = request.url ?? '/';
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await send(response, await handler(request.method ?? 'GET', path, query, gone.signal), request.method === 'HEAD');
}

async function send(
  response: ServerResponse,
  { status, contentType, body }: StreamedAnswer,
  headOnly: boolean,
): Promise<void> {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    server: 'topsail',
  });
  if (headOnly || typeof body === 'string') {
    response.end(headOnly ? undefined : body);
    return;
  }
  for await (const piece of body) {
    if (response.destroyed) return;
    if (!response.write(piece) && !(await drained(response))) return;
    await new Promise(setImmediate);
  }
  response.end();
}

/** False when the reader went away. */
function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (alive: boolean) => (): void => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(alive);
    };
    const onDrain = done(true);
    const onClose = done(false);
    response.on('drain', onDrain);
    response.on('close', onClose);
  });
}

/** A name that is no address may point here by somebody else's DNS. */
function isForeign(request: IncomingMessage): boolean {
  const host = request.headers.host;
  if (host !== undefined && !isAddress(host)) return true;
  const origin = request.headers.origin;
  return origin !== undefined && origin !== `http://${host}`;
}

function isAddress(hostAndPort: string): boolean {
  const host = hostAndPort.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || isIP(host) !== 0;
}
