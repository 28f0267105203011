// grpc.health.v1.Health/Check over plaintext HTTP/2, as the kubelet asks it.
import { connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { ProbeAnswer } from './app-probers.ts';

const SERVING = 1;

export function callGrpcHealth(
  ip: string,
  port: number,
  service: string,
  timeoutMs: number,
  localAddress: string,
): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const session = connect(`http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`, {
      createConnection: () => connectTcp({ host: ip, port, localAddress }),
    });
    const end = (status: number, body: string): void => {
      clearTimeout(limit);
      session.destroy();
      resolve({ status, body });
    };
    const limit = setTimeout(() => end(500, `no answer within ${timeoutMs} ms\n`), timeoutMs);
    session.on('error', (error) => end(500, `${error.message}\n`));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.on('error', (error) => end(500, `${error.message}\n`));
    stream.on('end', () => {
      // Frame head of five bytes, then field 1 as a varint: the status.
      const answer = Buffer.concat(chunks);
      const serving = answer.length >= 7 && answer[5] === 0x08 && answer[6] === SERVING;
      end(serving ? 200 : 500, serving ? '' : 'the application does not say SERVING\n');
    });
    const name = Buffer.from(service);
    const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  });
}
