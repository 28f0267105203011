// The application behind both planes: it says in its answer's body nothing, remembers what came, and does what `x-script` tells it, one step an attempt.
import { createServer as createH2, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MessageReader } from './message-reader.ts';

/** What came, by the value of `x-case`, one text an attempt. */
export type Arrivals = Map<string, string[]>;

export interface Backend {
  readonly h1: number;
  readonly h2: number;
  readonly arrivals: Arrivals;
  close(): void;
}

/** Steps of a script: a status, or what happens instead of an answer. */
export const STEPS = ['200', '404', '409', '500', '502', '503', '504', '429', 'close', 'reset', 'half'] as const;

export async function startBackend(): Promise<Backend> {
  const arrivals: Arrivals = new Map();
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const h1 = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket, arrivals);
  });
  const h2 = createH2();
  h2.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  h2.on('stream', (stream, headers, _flags, raw) => {
    let body = '';
    stream.on('error', () => {});
    stream.on('data', (data: Buffer) => (body += data.toString('latin1')));
    stream.on('end', () => {
      const lines: string[] = [];
      for (let i = 0; i + 1 < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
      const step = remember(arrivals, headers, [...lines, '', body].join('\n'));
      // The connection is others' too.
      if (step === 'close' || step === 'reset') stream.close(2);
      else if (step === 'refuse') stream.close(7);
      else {
        stream.respond({ ':status': step === 'half' ? 200 : Number(step), ...replyOf(headers) });
        if (step !== 'half') stream.end('said');
        else stream.write('sa', () => stream.close(2));
      }
    });
  });
  const [first, second] = await Promise.all([listening(h1), listening(h2 as unknown as Server)]);
  return {
    h1: first,
    h2: second,
    arrivals,
    close() {
      h1.close();
      h2.close();
      for (const socket of sockets) socket.destroy();
      for (const session of sessions) session.destroy();
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function serve(socket: Socket, arrivals: Arrivals): void {
  const reader = new MessageReader('request');
  socket.on('data', (data) => {
    for (const message of reader.push(data)) {
      const step = remember(arrivals, message.headers, message.text);
      if (step === 'close') return void socket.end();
      if (step === 'reset' || step === 'refuse') return void socket.resetAndDestroy();
      const lines = Object.entries(replyOf(message.headers)).map(([name, value]) => `${name}: ${value}\r\n`);
      const empty = step === '204' || step === '304';
      const length = empty ? '' : 'content-length: 4\r\n';
      const head = `HTTP/1.1 ${step === 'half' ? 200 : step} Said\r\n${length}${lines.join('')}\r\n`;
      if (step === 'half') return void socket.end(`${head}sa`);
      socket.write(empty || message.start.startsWith('HEAD ') ? head : `${head}said`);
    }
  });
}

/** Which step of its script this attempt is; the last one lasts. */
function remember(arrivals: Arrivals, headers: IncomingHttpHeaders, text: string): string {
  const id = String(headers['x-case'] ?? '');
  const seen = arrivals.get(id) ?? [];
  arrivals.set(id, [...seen, text]);
  const steps = String(headers['x-script'] ?? '200').split('.');
  return steps[Math.min(seen.length, steps.length - 1)] as string;
}

/** `x-reply` names headers of the answer: `a=1;b=2`. */
function replyOf(headers: IncomingHttpHeaders): Record<string, string> {
  const pairs = String(headers['x-reply'] ?? '').split(';');
  return Object.fromEntries(
    pairs.filter((pair) => pair.includes('=')).map((pair) => pair.split('=') as [string, string]),
  );
}
