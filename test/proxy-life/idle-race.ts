// Upstreams that close a connection after resting for some time, and requests that come just then (pains 1-5).
//
//   node test/proxy-life/idle-race.ts [--requests 100000] [--upstreams 300] [--min 1000] [--max 5000]
//
// GET must never fail. POST must never run twice, and may fail once for each upstream, until its time is known.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { cluster, httpListener } from './config.ts';
import { freePort } from '../mesh/test-ports.ts';
import { ProxyProcess } from './proxy-process.ts';
import { programOptions } from '../../tools/program-options.ts';

export interface IdleRaceAsk {
  readonly requests: number;
  readonly upstreams: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface IdleRaceEnd {
  readonly gets: number;
  readonly posts: number;
  readonly getFailures: number;
  /** Most failed POSTs at one upstream. */
  readonly postFailuresMost: number;
  readonly postFailures: number;
  /** POSTs that an upstream ran more than once. */
  readonly repeated: number;
  /** Requests that an upstream answered on a connection that it had answered on before. */
  readonly reused: number;
  /** How often this machine stood still: what closes then closes late, and what is learned of it is wrong. */
  readonly stalls: number;
}

/** Closes a connection that rests for `idleMs`: quietly with FIN, or at once with a reset for what is under way. */
class RestlessServer {
  readonly runs = new Map<string, number>();
  reused = 0;
  readonly #server: Server;
  readonly #idleMs: number;
  readonly #abrupt: boolean;

  constructor(idleMs: number, abrupt: boolean) {
    this.#idleMs = idleMs;
    this.#abrupt = abrupt;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1', 1024);
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    let text = '';
    let answered = 0;
    let timer: NodeJS.Timeout | undefined;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (data) => {
      clearTimeout(timer);
      text += data.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const id = /\r\nx-id: (\S+)/i.exec(text)?.[1] ?? '';
        text = text.slice(end + 4);
        this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
        if (answered++ > 0) this.reused++;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      }
      timer = setTimeout(() => (this.#abrupt ? socket.destroy() : socket.end()), this.#idleMs);
    });
  }
}

const LOOK_MS = 10;
const STALL_MS = 30;

/** Counts how often the loop of this process came late by more than STALL_MS. */
function watchStalls(): { readonly count: number; stop(): void } {
  let last = performance.now();
  const watch = { count: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last > LOOK_MS + STALL_MS) watch.count++;
    last = now;
  }, LOOK_MS);
  return watch;
}

export async function idleRace(ask: IdleRaceAsk): Promise<IdleRaceEnd> {
  const servers = Array.from({ length: ask.upstreams }, (_, i) => {
    const idleMs = ask.minMs + ((ask.maxMs - ask.minMs) * i) / Math.max(1, ask.upstreams - 1);
    return { idleMs, server: new RestlessServer(idleMs, i % 2 === 0) };
  });
  const ports = await Promise.all(servers.map(({ server }) => server.listen()));
  const port = await freePort();
  const routes = ports.map((_, i) => ({ match: { prefix: `/${i}/` }, route: { cluster: `u${i}` } }));
  const proxy = await ProxyProcess.start({
    listeners: [httpListener('in', port, routes)],
    clusters: ports.map((at, i) => cluster(`u${i}`, [at])),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: ask.upstreams });
  const end = { gets: 0, posts: 0, getFailures: 0, postFailures: 0, postFailuresMost: 0 };
  const stalls = watchStalls();
  try {
    const each = Math.ceil(ask.requests / ask.upstreams);
    await Promise.all(
      servers.map(async ({ idleMs }, i) => {
        let failed = 0;
        for (let n = 0; n < each; n++) {
          const method = n % 2 === 0 ? 'POST' : 'GET';
          const ok = await send(agent, port, method, `/${i}/`, `${i}-${n}`);
          if (method === 'GET') end.gets++;
          else end.posts++;
          if (!ok && method === 'GET') end.getFailures++;
          if (!ok && method === 'POST') failed++;
          // Around the time at which the upstream closes: from 30 ms before to 30 ms after, and some far from it.
          const around = idleMs - 30 + ((n * 7) % 61);
          await sleep(n % 10 === 9 ? idleMs * 0.3 : around);
        }
        end.postFailures += failed;
        end.postFailuresMost = Math.max(end.postFailuresMost, failed);
      }),
    );
  } finally {
    stalls.stop();
    agent.destroy();
    await proxy.end('SIGKILL');
    for (const { server } of servers) server.close();
  }
  let repeated = 0;
  for (const { server } of servers)
    for (const [id, runs] of server.runs) if (runs > 1 && Number(id.split('-')[1]) % 2 === 0) repeated++;
  return { ...end, repeated, stalls: stalls.count, reused: servers.reduce((n, { server }) => n + server.reused, 0) };
}

function send(agent: Agent, port: number, method: string, path: string, id: string): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'x-id': id, ...(method === 'POST' ? { 'content-length': '0' } : {}) };
    const asked = request({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
      response.once('error', () => resolve(false));
    });
    asked.once('error', () => resolve(false));
    asked.end();
  });
}

if (import.meta.main) {
  const { values } = programOptions(import.meta.filename, {
    options: {
      requests: { type: 'string', default: '100000' },
      upstreams: { type: 'string', default: '300' },
      min: { type: 'string', default: '1000' },
      max: { type: 'string', default: '5000' },
    },
  });
  const began = performance.now();
  const end = await idleRace({
    requests: Number(values.requests),
    upstreams: Number(values.upstreams),
    minMs: Number(values.min),
    maxMs: Number(values.max),
  });
  console.log({ ...end, seconds: Math.round((performance.now() - began) / 1000) });
  process.exit(end.getFailures === 0 && end.repeated === 0 && end.postFailuresMost <= 1 + end.stalls ? 0 : 1);
}
