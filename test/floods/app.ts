// The application behind the proxy: small answers, large ones, large heads, and one that never comes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const BIG = Buffer.alloc(2 * 1024 * 1024, 'x');
const HEAD = 'v'.repeat(8_000);

/** Resolves with its port. */
export async function startApp(): Promise<number> {
  const app = createServer((request, response) => {
    request.resume();
    if (request.url?.startsWith('/big') === true) response.end(BIG);
    else if (request.url?.startsWith('/never') === true) response.flushHeaders();
    else if (request.url?.startsWith('/heads') === true) response.writeHead(200, { 'x-big': HEAD }).end();
    else request.once('end', () => response.end('fine'));
    response.on('error', () => {});
  });
  app.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return (app.address() as AddressInfo).port;
}
