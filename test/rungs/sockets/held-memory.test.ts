// Clients that make the proxy hold memory and rest there, until it is short: the largest go, and a newcomer is served again. They would
// otherwise keep everybody else out for as long as a stream may be idle.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { END_HEADERS, END_STREAM, frame, RawH2, requestBlock, setting, TYPE } from '../../floods/raw-h2.ts';
import { callPlain } from '../../mesh/plain-calls.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { cluster, httpListener } from '../../proxy-life/config.ts';
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
  let resources: (port: number, log: string) => object;
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
    resources = (port, log) => ({
      listeners: [
        httpListener('held', port, [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }], {
          http_filters: [
            {
              name: 'buffer',
              typed_config: { '@type': `${TYPES}.filters.http.buffer.v3.Buffer`, max_request_bytes: 2 * UPLOAD_BYTES },
            },
            { name: 'router', typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` } },
          ],
          access_log: [
            {
              name: 'file',
              typed_config: {
                '@type': `${TYPES}.access_loggers.file.v3.FileAccessLog`,
                path: log,
                log_format: {
                  text_format_source: {
                    inline_string: '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n',
                  },
                },
              },
            },
          ],
        }),
      ],
      clusters: [cluster('app', [(app.address() as AddressInfo).port])],
    });
    const port = await freePort();
    const free = await ProxyProcess.start(resources(port, join(folder, 'free.log')));
    for (let i = 0; i < 50; i++) await callPlain({ port });
    residentBytes = free.resident();
    await free.end('SIGKILL');
  });

  after(() => {
    app.closeAllConnections();
    app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** `open` adds one holder, and gives how many are still there. */
  async function play(name: string, open: (port: number) => Promise<() => number>) {
    const port = await freePort();
    const log = join(folder, `${name}.log`);
    const limit = { TOPSAIL_MEMORY_LIMIT: String(residentBytes + ROOM_BYTES) };
    const proxy = await ProxyProcess.start(resources(port, log), [], limit);
    try {
      let left: () => number = () => 0;
      let held = 0;
      // What is only garbage is collected, and then more can be held: as often as it takes until what is held itself is too much.
      for (let i = 0, reset = 0; i < HOLDERS_MAX && reset === 0; i++) {
        left = await open(port);
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
    const { log } = await play('uploads', async (port) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      sockets.push(socket.resume());
      await new Promise((resolve) => {
        socket.once('close', resolve);
        socket.write(head);
        socket.write(body, resolve);
      });
      return () => sockets.filter((one) => !one.closed).length;
    });
    for (const socket of sockets) socket.destroy();
    assert.match(readFileSync(log, 'utf8'), /^HTTP\/1\.1 0 OM overload$/m);
  });

  test('responses that nobody reads, over HTTP/2', async () => {
    const peers: RawH2[] = [];
    let opened = 0;
    const { log } = await play('responses', async (port) => {
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

async function isServed(port: number): Promise<boolean> {
  return (await callPlain({ port })).status === 200;
}

function resets(peers: readonly RawH2[]): number {
  return peers.flatMap(({ frames }) => frames.filter(({ type }) => type === TYPE.RST_STREAM)).length;
}
