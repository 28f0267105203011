// A server on our own HTTP/2 codec over a real socket; h2spec and other clients are pointed at it. Prints its port.
import { SystemNet } from '#io';
import { HeaderBlock, type RequestAcceptor, type ServerStream } from '#wire/http';
import { DEFAULT_H2_LIMITS, H2ServerConnection } from '#wire/h2';

const acceptor: RequestAcceptor = {
  onRequest(stream, _head, end) {
    let bytes = 0;
    if (end) answer(stream, bytes);
    return {
      onData(data, last) {
        bytes += data.length;
        if (last) answer(stream, bytes);
      },
      onTrailers: () => answer(stream, bytes),
      onDrain: () => {},
      onReset: () => {},
    };
  },
  onProtocolError: () => {},
};

function answer(stream: ServerStream, bytes: number): void {
  const headers = new HeaderBlock();
  headers.add('content-type', 'text/plain');
  stream.sendHead({ status: 200, headers }, false);
  stream.sendData(Buffer.from(`received ${bytes} bytes\n`), true);
}

const listener = await new SystemNet().listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) }, (conn) => {
  conn.handler = new H2ServerConnection(conn, acceptor, {
    limits: DEFAULT_H2_LIMITS,
    defer: queueMicrotask,
    connectProtocol: true,
  });
});
console.log(listener.port);
