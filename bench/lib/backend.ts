// The service behind the proxies: raw sockets, one prepared answer of 78 bytes, so that its own cost is small.
//
//   node bench/lib/backend.ts h1|h2|tls [CERTS_FOLDER]      tls demands a client certificate of CERTS_FOLDER/ca.pem

import { readFileSync } from 'node:fs';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const BODY = '{"status":"ok","service":"backend","version":"v1","padding":"0123456789abcdef"}'.slice(0, 77) + '\n';
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const END = Buffer.from('\r\n\r\n');

const [kind = 'h1', certs = ''] = process.argv.slice(2);

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  let tail: Buffer | undefined;
  socket.on('data', (data: Buffer) => {
    const bytes = tail === undefined ? data : Buffer.concat([tail, data]);
    let requests = 0;
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(END, at);
      if (end < 0) break;
      requests++;
      at = end + 4;
    }
    tail = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at));
    if (requests === 1) socket.write(ANSWER);
    else if (requests > 1) socket.write(Buffer.concat(Array.from({ length: requests }, () => ANSWER)));
  });
  socket.on('error', () => socket.destroy());
}

function tlsServer(): Server {
  return createTlsServer(
    {
      key: readFileSync(`${certs}/key.pem`),
      cert: readFileSync(`${certs}/cert.pem`),
      ca: readFileSync(`${certs}/ca.pem`),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['istio', 'http/1.1'],
    },
    serve,
  );
}

function http2Server(): Server {
  const answers = createHttp2Server({ settings: { maxConcurrentStreams: 1_000 } });
  answers.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': BODY.length });
    stream.end(BODY);
    stream.on('error', () => {});
  });
  return answers as unknown as Server;
}

const server: Server = kind === 'tls' ? tlsServer() : kind === 'h2' ? http2Server() : createServer(serve);
server.listen(0, '127.0.0.1', 1024, () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 }));
});
