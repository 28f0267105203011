// The service behind the proxies: raw sockets where it can be, one prepared answer (78 bytes, or 1 MB), so that its own cost is small.
//
//   node bench/lib/backend.ts h1|h1-large|tls|h2|h2-large|h2-tls|grpc [CERTS_FOLDER]
//
// tls and h2-tls demand a client certificate of CERTS_FOLDER/ca.pem; grpc gives back what it is sent.

import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const BODY = '{"status":"ok","service":"backend","version":"v1","padding":"0123456789abcdef"}'.slice(0, 77) + '\n';
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const LARGE = Buffer.alloc(1 << 20, 'topsail ');
const LARGE_ANSWER = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${LARGE.length}\r\n\r\n`),
  LARGE,
]);
const END = Buffer.from('\r\n\r\n');

const [kind = 'h1', certs = ''] = process.argv.slice(2);
const answer = kind === 'h1-large' ? LARGE_ANSWER : ANSWER;

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
    if (requests === 1) socket.write(answer);
    else if (requests > 1) socket.write(Buffer.concat(Array.from({ length: requests }, () => answer)));
  });
  socket.on('error', () => socket.destroy());
}

/** A mesh's server side: it asks for the client's certificate. */
function mutualTls() {
  return {
    key: readFileSync(`${certs}/key.pem`),
    cert: readFileSync(`${certs}/cert.pem`),
    ca: readFileSync(`${certs}/ca.pem`),
    requestCert: true,
    rejectUnauthorized: true,
  };
}

function answering(server: Http2Server, serveStream: (stream: ServerHttp2Stream) => void): Server {
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    serveStream(stream);
  });
  return server as unknown as Server;
}

function answerH2(stream: ServerHttp2Stream): void {
  const body = kind === 'h2-large' ? LARGE : BODY;
  stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': body.length });
  stream.end(body);
}

function echoGrpc(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
}

function makeServer(): Server {
  // Node never gives back the session memory of answers that were cancelled, as each round's last ones are.
  const options = { settings: { maxConcurrentStreams: 1_000, initialWindowSize: 1 << 20 }, maxSessionMemory: 10_000 };
  switch (kind) {
    case 'tls':
      return createTlsServer({ ...mutualTls(), ALPNProtocols: ['istio', 'http/1.1'] }, serve);
    case 'h2':
    case 'h2-large':
      return answering(createHttp2Server(options), answerH2);
    case 'h2-tls':
      return answering(
        createSecureServer({ ...mutualTls(), ...options, ALPNProtocols: ['istio-h2', 'h2'] }) as unknown as Http2Server,
        answerH2,
      );
    case 'grpc':
      return answering(createHttp2Server(options), echoGrpc);
    default:
      return createServer(serve);
  }
}

const server = makeServer();
server.listen(0, '127.0.0.1', 1024, () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 }));
});
