// A small HTTP client for our own loopback and Unix-socket endpoints; proxies of the environment are ignored.
import { Agent, request } from 'node:http';
import type { HttpCall } from '#base';

const ANSWER_LIMIT_BYTES = 64 << 20;

export function callHttp(call: HttpCall): Promise<{ readonly status: number; readonly body: string } | undefined> {
  return new Promise((resolve) => {
    const where =
      'socket' in call.target ? { socketPath: call.target.socket } : { host: call.target.host, port: call.target.port };
    const req = request(
      // An own agent: the global one obeys NODE_USE_ENV_PROXY.
      {
        ...where,
        agent: new Agent({ keepAlive: false }),
        method: call.method,
        path: call.path,
        headers: { ...call.headers },
        timeout: call.timeoutMs,
      },
      (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        res.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_LIMIT_BYTES) req.destroy();
          else chunks.push(chunk);
        });
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
        res.on('error', () => resolve(undefined));
      },
    );
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(undefined));
    req.end(call.body ?? '');
  });
}
