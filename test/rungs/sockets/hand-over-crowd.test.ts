// A proxy hands over while new connections stand in line to be heard and bulk of many connections waits for its turn:
// nobody is refused, cut or left waiting.
//
// Everybody is there already, silent or in the middle of a body. When the successor serves, the old proxy stands still,
// all speak at once, and it hears of them and of its end in one round of its loop.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { serveHandOver, takeOver } from '#io';
import { END_HEADERS, END_STREAM, frame, RawH2, requestBlock, TYPE } from '../../floods/raw-h2.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { PATIENCE_MS, until } from '../../mesh/until.ts';
import { cluster, httpListener, tcpListener } from '../../proxy-life/config.ts';
import { ProxyProcess } from '../../proxy-life/proxy-process.ts';
import { selfSigned } from './self-signed.ts';

/** Of each kind. Many times as many as are heard in one round. */
const NEWCOMERS = 60;
const BULK = 20;
const BULK_BYTES = Buffer.from(Array.from({ length: 2 ** 20 }, (_, i) => (i * 7919) >> 8));
const BEGUN_BYTES = 32 * 1024;
const DRAIN_S = 120;
const GET = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

interface Ports {
  readonly http: number;
  readonly secure: number;
  readonly tcp: number;
}

/** One who waits: `speak` may be called once; `answer` resolves with what is wrong, or undefined. */
interface Waiting {
  speak(): void;
  readonly answer: Promise<string | undefined>;
}

for (const concurrency of [1, 2])
  test(`a crowd is served while a proxy with --concurrency ${concurrency} hands over`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-crowd-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const apps = await startApps();
    t.after(() => apps.close());
    const ports = { http: await freePort(), secure: await freePort(), tcp: await freePort() };
    const start = async (socket: string): Promise<ProxyProcess> =>
      await ProxyProcess.start(resources(ports, apps.ports), [
        ...['--hand-over-socket', join(folder, socket)],
        ...['--concurrency', String(concurrency), '--drain-time-s', String(DRAIN_S)],
      ]);
    const old = await start('old');
    t.after(() => old.end('SIGKILL'));
    const crowd = await gather(ports, apps.downloads);
    await until('all are accepted', async () => (await accepted(old)) >= crowd.length);

    const predecessor = await takeOver(join(folder, 'old'));
    assert.ok(predecessor);
    let left = false;
    const between = await serveHandOver({
      path: join(folder, 'new'),
      sockets: async () => predecessor.sockets,
      leave: async () => {
        process.kill(old.pid, 'SIGSTOP');
        for (const { speak } of crowd) speak();
        const leaving = predecessor.serving();
        process.kill(old.pid, 'SIGCONT');
        await leaving;
        left = true;
      },
      failed: (reason) => assert.fail(reason),
    });
    t.after(() => between.close());
    const successor = await start('new');
    t.after(() => successor.end('SIGKILL'));
    await until('the old one leaves', () => left);
    for (const [, handle] of predecessor.sockets) handle.close();
    const later = Array.from({ length: NEWCOMERS }, () => newcomer(ports.http));
    for (const { speak } of later) speak();
    const problems = await Promise.all([...crowd, ...later].map(({ answer }) => answer));
    assert.deepEqual(
      problems.filter((one) => one !== undefined),
      [],
    );
    await old.gone();
  });

/** All are connected, and whoever is in the middle of something has begun it. */
async function gather(ports: Ports, downloads: Map<string, ServerResponse>): Promise<readonly Waiting[]> {
  const newcomers = Array.from({ length: NEWCOMERS }, () => [
    newcomer(ports.http),
    newcomer(ports.secure, true),
    echoed(ports.tcp, Buffer.from('first')),
  ]).flat();
  const overH2 = await Promise.all(Array.from({ length: NEWCOMERS }, () => newcomerOverH2(ports.http)));
  const bulk = await Promise.all(
    Array.from({ length: BULK }, (_, i) => [
      upload(ports.http),
      download(ports.http, `/${i}`, downloads),
      begunEcho(ports.tcp),
    ]).flat(),
  );
  return [...newcomers, ...overH2, ...bulk];
}

/** HTTP/1.1, over TLS or not: has said nothing yet, not even of TLS. */
function newcomer(port: number, secure = false): Waiting {
  const plain = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  return {
    answer: promise,
    speak: () => {
      const socket = secure ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
      const kind = secure ? 'newcomer over TLS' : 'newcomer';
      void tell(kind, socket, (text) => text.startsWith('HTTP/1.1 200') && text.endsWith('fine')).then(resolve);
      socket.write(GET);
    },
  };
}

async function newcomerOverH2(port: number): Promise<Waiting> {
  const peer = await RawH2.silent(port);
  peer.keep = true;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  return {
    answer: promise,
    speak: () => {
      peer.greet();
      peer.send(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, peer.id(), requestBlock('GET', '/')));
      void peer
        .until(({ type, flags }) => type === TYPE.DATA && (flags & END_STREAM) !== 0, PATIENCE_MS)
        .then((seen) => {
          peer.destroy();
          resolve(seen === undefined ? `newcomer over HTTP/2: ${peer.closed ? 'cut' : 'no answer'}` : undefined);
        });
    },
  };
}

/** Says it when spoken for, and wants it back. */
function echoed(port: number, bytes: Buffer, socket: Socket = connect(port, '127.0.0.1'), begun = ''): Waiting {
  const whole = begun + bytes.toString('latin1');
  return {
    answer: tell(`TCP, ${bytes.length} bytes`, socket, (text) => begun + text === whole),
    speak: () => void socket.end(bytes),
  };
}

async function begunEcho(port: number): Promise<Waiting> {
  const socket = connect(port, '127.0.0.1');
  socket.write('begun');
  await once(socket, 'data');
  return echoed(port, BULK_BYTES, socket);
}

async function upload(port: number): Promise<Waiting> {
  const socket = connect(port, '127.0.0.1');
  const head = `POST /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${BULK_BYTES.length}\r\n\r\n`;
  socket.write(head);
  // The application says that it hears it.
  socket.write(BULK_BYTES.subarray(0, BEGUN_BYTES));
  await once(socket, 'data');
  return {
    answer: tell('upload', socket, (text) => text.includes(`got ${BULK_BYTES.length}`)),
    speak: () => void socket.write(BULK_BYTES.subarray(BEGUN_BYTES)),
  };
}

async function download(port: number, path: string, downloads: Map<string, ServerResponse>): Promise<Waiting> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET /bulk${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  const begun = first.toString('latin1');
  const whole = BULK_BYTES.toString('latin1');
  return {
    answer: tell('download', socket, (text) => (begun + text).endsWith(whole)),
    speak: () => void downloads.get(`/bulk${path}`)?.end(BULK_BYTES.subarray(BEGUN_BYTES)),
  };
}

/** Undefined when what came until the end is right. */
function tell(kind: string, socket: Socket, right: (text: string) => boolean): Promise<string | undefined> {
  let text = '';
  let problem = 'no answer';
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on('data', (data: Buffer) => void (text += data.toString('latin1')));
  socket.on('error', ({ message }) => void (problem = message));
  socket.on('end', () => void (problem = 'cut'));
  return new Promise((resolve) => {
    socket.on('close', () => resolve(right(text) ? undefined : `${kind}: ${problem} after ${text.length} bytes`));
  });
}

interface Apps {
  readonly ports: { readonly http: number; readonly echo: number };
  /** Half-said responses by path. */
  readonly downloads: Map<string, ServerResponse>;
  close(): void;
}

async function startApps(): Promise<Apps> {
  const downloads = new Map<string, ServerResponse>();
  const http = createServer((request, response) => {
    const { url = '' } = request;
    response.on('error', () => {});
    if (url.startsWith('/bulk')) {
      response.writeHead(200, { 'content-length': BULK_BYTES.length });
      response.write(BULK_BYTES.subarray(0, BEGUN_BYTES));
      downloads.set(url, response);
    } else if (url === '/count') {
      let got = 0;
      response.write('begun');
      request.on('data', (data: Buffer) => void (got += data.length));
      request.on('end', () => response.end(`got ${got}`));
    } else response.end('fine');
  }).listen(0, '127.0.0.1');
  const sockets = new Set<Socket>();
  const echo = createTcp({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  for (const server of [http, echo]) if (!server.listening) await once(server, 'listening');
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  return {
    ports: { http: portOf(http), echo: portOf(echo) },
    downloads,
    close: () => {
      http.closeAllConnections();
      http.close();
      for (const socket of sockets) socket.destroy();
      echo.close();
    },
  };
}

function resources(ports: Ports, apps: Apps['ports']): object {
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }];
  const { privateKeyPem, certChainPem } = selfSigned('crowd');
  const secure = httpListener('secure', ports.secure, routes) as { filter_chains: object[] };
  return {
    listeners: [
      httpListener('http', ports.http, routes),
      {
        ...secure,
        filter_chains: secure.filter_chains.map((chain) => ({
          ...chain,
          transport_socket: {
            name: 'tls',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
              common_tls_context: {
                tls_certificates: [
                  { private_key: { inline_string: privateKeyPem }, certificate_chain: { inline_string: certChainPem } },
                ],
              },
            },
          },
        })),
      },
      tcpListener('tcp', ports.tcp, 'echo'),
    ],
    clusters: [cluster('app', [apps.http]), cluster('echo', [apps.echo])],
  };
}

/** How many connections its listeners hold. */
async function accepted(proxy: ProxyProcess): Promise<number> {
  const counts = [...(await proxy.stats())].filter(([name]) => /^listener\.[\d._]+\.downstream_cx_active$/.test(name));
  return counts.reduce((sum, [, value]) => sum + value, 0);
}
