// An application that tells who called it: `pod-app.ts PORT HOST…`. On `::` it takes IPv6 alone, as one that knows nothing else.
import { createServer } from 'node:http';
import process from 'node:process';

const [port = '', ...hosts] = process.argv.slice(2);
let waiting = hosts.length;
for (const host of hosts)
  createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        host,
        from: request.socket.remoteAddress,
        at: request.socket.localAddress,
        forwarded: request.headers['x-forwarded-for'],
        peer: request.headers['x-forwarded-client-cert'],
      }),
    );
  }).listen({ host, port: Number(port), ipv6Only: true }, () => {
    if (--waiting === 0) process.stdout.write('ready\n');
  });
