// Clients that make the proxy hold memory and rest there, until it is short: the largest go, and a newcomer is served again. They would
// otherwise keep everybody else out for as long as a stream may be idle.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createSink, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { END_HEADERS, END_STREAM, frame, RawH2, requestBlock, setting, TYPE } from '../../floods/raw-h2.ts';
import { callPlain } from '../../mesh/plain-calls.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { cluster, httpListener, tcpListener } from '../../proxy-life/config.ts';
import { ProxyProcess } from '../../proxy-life/proxy-process.ts';

/** Beyond what it needs for itself. */
const ROOM_BYTES = 60 * 2 ** 20;
/** Half of the time that streams may be idle: without the reset nobody is served before. */
const WITHIN_MS = 150_000;
const HOLDERS_MAX = 2_000;
/** Less than the shortage grows by between two looks of the proxy. */
const UPLOAD_BYTES = 256 * 1024;
const COUNT = 'envoy.overload_actions.reset_high_memory_stream.count';
const TYPES = 'type.googleapis.com/envoy.extensions';

describe('holders of memory', () => {
  let app: Server;
  /** Reads nothing. Behind a Unix socket, whose kernel takes 200 kB: TCP's would take megabytes before the proxy has to hold anything. */
  const sink = createSink({ pauseOnConnect: true });
  const swallowed = new Set<Socket>();
  let resources: (ports: Ports, log: string) => object;
  let residentBytes = 0;
  const folder = mkdtempSync(join(tmpdir(), 'topsail-held-'));

  before(async () => {
    app = createServer((request, response) => {
      request.resume();
      response.on('error', () => {});
      // More than waits in a stream's queue, and less: the one is paused, the other is said in full.
      if (request.url === '/long') response.end(Buffer.alloc(160 * 1024, 'x'));
      else if (request.url === '/short') response.end(Buffer.alloc(100 * 1024, 'x'));
      else response.end('fine');
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    sink.on('connection', (socket) => {
      swallowed.add(socket);
      socket.on('error', () => {}).on('close', () => swallowed.delete(socket));
    });
    const sinkPath = join(folder, 'sink');
    await new Promise<void>((resolve) => sink.listen(sinkPath, resolve));
    resources = ({ port, tcpPort }, log) => ({
      listeners: [
        tcpListener('held-tcp', tcpPort, 'sink', {
          access_log: accessLog(log, '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%'),
        }),
        httpListener('held', port, [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }], {
          http_filters: [
            {
              name: 'buffer',
              typed_config: { '@type': `${TYPES}.filters.http.buffer.v3.Buffer`, max_request_bytes: 2 * UPLOAD_BYTES },
            },
            { name: 'router', typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` } },
          ],
          access_log: accessLog(log, '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%'),
        }),
      ],
      clusters: [
        cluster('app', [(app.address() as AddressInfo).port]),
        cluster('sink', [], {
          load_assignment: {
            cluster_name: 'sink',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: sinkPath } } } }] }],
          },
        }),
      ],
    });
    const ports = await freePorts();
    const free = await ProxyProcess.start(resources(ports, join(folder, 'free.log')));
    for (let i = 0; i < 50; i++) await callPlain(ports);
    residentBytes = free.resident();
    await free.end('SIGKILL');
  });

  after(() => {
    app.closeAllConnections();
    app.close();
    for (const socket of swallowed) socket.destroy();
    sink.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** `open` adds one holder, and gives how many are still there. */
  async function play(name: string, open: (ports: Ports) => Promise<() => number>) {
    const ports = await freePorts();
    const { port } = ports;
    const log = join(folder, `${name}.log`);
    const limit = { TOPSAIL_MEMORY_LIMIT: String(residentBytes + ROOM_BYTES) };
    const proxy = await ProxyProcess.start(resources(ports, log), [], limit);
    try {
      let left: () => number = () => 0;
      let held = 0;
      // What is only garbage is collected, and then more can be held: as often as it takes until what is held itself is too much.
      for (let i = 0, reset = 0; i < HOLDERS_MAX && reset === 0; i++) {
        left = await open(ports);
        if (await isServed(port)) continue;
        held = left();
        for (const end = performance.now() + WITHIN_MS; !(await isServed(port)); await sleep(50))
          assert.ok(performance.now() < end, 'a newcomer is not served');
        reset = (await proxy.stats()).get(COUNT) ?? 0;
      }
      assert.ok(left() > 0 && left() < held, `not everybody went, and not nobody: ${left()} of ${held} are left`);
      return { log };
    } finally {
      await proxy.end();
    }
  }

  test('uploads that a filter collects, over HTTP/1.1', async () => {
    const sockets: Socket[] = [];
    const head = `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${UPLOAD_BYTES + 1}\r\n\r\n`;
    const body = Buffer.alloc(UPLOAD_BYTES, 'x');
    const { log } = await play('uploads', ({ port }) => upload(sockets, port, head, body));
    for (const socket of sockets) socket.destroy();
    assert.match(readFileSync(log, 'utf8'), /^HTTP\/1\.1 0 OM overload$/m);
  });

  test('bytes over TCP that the endpoint does not read', async () => {
    const sockets: Socket[] = [];
    const bytes = Buffer.alloc(2 * UPLOAD_BYTES, 'x');
    const { log } = await play('tcp', ({ tcpPort }) => upload(sockets, tcpPort, bytes));
    for (const socket of sockets) socket.destroy();
    assert.match(readFileSync(log, 'utf8'), /^\S+ 0 OM overload$/m);
  });

  test('responses that nobody reads, over HTTP/2', async () => {
    const peers: RawH2[] = [];
    let opened = 0;
    const { log } = await play('responses', async ({ port }) => {
      let peer = peers.at(-1);
      if (peer === undefined || peer.nextId > 200) {
        peer = await RawH2.connect(port, [setting(4, 0)]);
        peer.keep = true;
        peers.push(peer);
      }
      const path = opened++ % 2 === 0 ? '/long' : '/short';
      peer.send(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, peer.id(), requestBlock('GET', path)));
      return () => opened - resets(peers);
    });
    for (const peer of peers) peer.destroy();
    assert.match(readFileSync(log, 'utf8'), /^HTTP\/2 200 OM overload$/m);
  });
});

/** Opens a connection that says this and rests; gives how many are still there. */
async function upload(sockets: Socket[], port: number, ...said: (string | Buffer)[]): Promise<() => number> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  sockets.push(socket.resume());
  await new Promise((resolve) => {
    socket.once('close', resolve);
    said.forEach((part, i) => socket.write(part, i === said.length - 1 ? resolve : undefined));
  });
  return () => sockets.filter((one) => !one.closed).length;
}

interface Ports {
  readonly port: number;
  readonly tcpPort: number;
}

async function freePorts(): Promise<Ports> {
  return { port: await freePort(), tcpPort: await freePort() };
}

function accessLog(path: string, format: string): object[] {
  return [
    {
      name: 'file',
      typed_config: {
        '@type': `${TYPES}.access_loggers.file.v3.FileAccessLog`,
        path,
        log_format: { text_format_source: { inline_string: `${format}\n` } },
      },
    },
  ];
}

async function isServed(port: number): Promise<boolean> {
  return (await callPlain({ port })).status === 200;
}

function resets(peers: readonly RawH2[]): number {
  return peers.flatMap(({ frames }) => frames.filter(({ type }) => type === TYPE.RST_STREAM)).length;
}
