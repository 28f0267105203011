// Asks a resolver one question over UDP or TCP, from a port of its own each time (RFC 5452 §4.5).
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

const PORT = 53;
const ANSWER_BYTES_MAX = 65_535;

type Fits = (answer: Uint8Array) => boolean;

/** Undefined when no answer that `fits` came in time. `server` may carry a port: "127.0.0.1#5353". */
export function askResolver(
  server: string,
  query: Uint8Array,
  via: 'udp' | 'tcp',
  timeoutMs: number,
  fits: Fits,
): Promise<Uint8Array | undefined> {
  const [host = '', port] = server.split('#');
  const at = { host, port: port === undefined ? PORT : Number(port) };
  return via === 'udp' ? askUdp(at, query, timeoutMs, fits) : askTcp(at, query, timeoutMs, fits);
}

function askUdp(
  at: { host: string; port: number },
  query: Uint8Array,
  timeoutMs: number,
  fits: Fits,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(at.host) ? 'udp6' : 'udp4');
    const finish = (answer: Uint8Array | undefined): void => {
      clearTimeout(deadline);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      resolve(answer);
    };
    const deadline = setTimeout(() => finish(undefined), timeoutMs);
    socket.on('error', () => finish(undefined));
    socket.on('message', (answer) => {
      if (fits(answer)) finish(answer);
    });
    // Connected: datagrams of others never arrive, and "port unreachable" is an error at once.
    socket.connect(at.port, at.host, () => socket.send(query));
  });
}

function askTcp(
  at: { host: string; port: number },
  query: Uint8Array,
  timeoutMs: number,
  fits: Fits,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = connect(at.port, at.host);
    let got: Buffer = Buffer.alloc(0);
    const finish = (answer: Uint8Array | undefined): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(answer);
    };
    const deadline = setTimeout(() => finish(undefined), timeoutMs);
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('connect', () => {
      const framed = Buffer.allocUnsafe(query.length + 2);
      framed.writeUInt16BE(query.length, 0);
      framed.set(query, 2);
      socket.write(framed);
    });
    socket.on('data', (data) => {
      got = Buffer.concat([got, data]);
      const length = got.length < 2 ? ANSWER_BYTES_MAX : got.readUInt16BE(0);
      if (got.length < 2 + length) return;
      const answer = got.subarray(2, 2 + length);
      finish(fits(answer) ? answer : undefined);
    });
  });
}
