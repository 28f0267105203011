// How TCP connections through the proxy end: nothing that was sent is lost, and nothing stays open for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Net } from '../../../src/base/index.ts';
import { SystemNet } from '../../../src/io/index.ts';
import { cluster, listener, type RunningProxy, runProxy, tcpFilter } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

async function through(
  serve: (socket: Socket) => void,
  net: Net = new SystemNet(),
): Promise<{ readonly proxy: RunningProxy; readonly server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const filter = tcpFilter({ max_connect_attempts: 3 });
  const proxy = await runProxy(
    [listener('l', [{ filters: [filter] }])],
    [cluster('app', [(server.address() as { port: number }).port])],
    undefined,
    { net },
  );
  return { proxy, server };
}

const allClosed = (proxy: RunningProxy): Promise<void> =>
  until('all are closed', () => proxy.handle.proxy.listeners.connectionCount === 0);

/** Also where the end is a reset, for which `once` of node:events would reject. */
const ended = (socket: Socket, how: 'end' | 'close'): Promise<void> =>
  new Promise((resolve) => void socket.once(how, () => resolve()));

test('a client that goes on after the endpoint has closed is closed', async (t) => {
  const { proxy, server } = await through((socket) => {
    socket.resume();
    socket.end('bye');
    setTimeout(() => socket.destroy(), 50);
  });
  t.after(() => (proxy.close(), server.close()));
  const client = connect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  client.resume();
  await ended(client, 'end');
  // Half a connection may live on; that the other half is gone shows when something is sent to it.
  const saying = setInterval(() => client.write('more'), 50);
  t.after(() => clearInterval(saying));
  await allClosed(proxy);
  client.destroy();
});

test('a client whose bytes nobody takes any more is closed', async (t) => {
  const { proxy, server } = await through((socket) => {
    socket.pause();
    setTimeout(() => socket.resetAndDestroy(), 300);
  });
  t.after(() => (proxy.close(), server.close()));
  const client = connect({ port: proxy.port('l'), host: '127.0.0.1' });
  client.on('error', () => {});
  client.write(Buffer.alloc(20_000_000));
  await ended(client, 'close');
  await allClosed(proxy);
});

test('both ends have said their last, and a slow client still gets all of it', async (t) => {
  const { proxy, server } = await through((socket) => void socket.resume().end(Buffer.alloc(8_000_000, 'x')));
  t.after(() => (proxy.close(), server.close()));
  const client = connect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
  let bytes = 0;
  client.end('done');
  client.on('data', (data) => {
    bytes += data.length;
    client.pause();
    setTimeout(() => client.resume(), 2);
  });
  await ended(client, 'end');
  assert.equal(bytes, 8_000_000);
  await allClosed(proxy);
});

/** Its first connection to an endpoint takes a while and then comes to nothing. */
function failingOnce(): Net {
  const net = new SystemNet();
  let connects = 0;
  return {
    listen: (options, accept) => net.listen(options, accept),
    resolve: (host) => net.resolve(host),
    connect: (options, handler) => {
      if (connects++ > 0) return net.connect(options, handler);
      const conn = net.connect({ ...options, host: '@topsail-nobody-listens-here' }, { ...nobody });
      setTimeout(() => handler.onClose({ kind: 'refused', code: 'ECONNREFUSED', message: 'refused' }), 300);
      return conn;
    },
  };
}
const nobody = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

test('what a client said while its endpoint could not be reached goes to the next one', async (t) => {
  const { proxy, server } = await through((socket) => {
    socket.pipe(socket);
  }, failingOnce());
  t.after(() => (proxy.close(), server.close()));
  const client = connect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  client.on('data', (data) => void (text += data));
  client.write('first ');
  client.end('second');
  await ended(client, 'end');
  assert.equal(text, 'first second');
  await allClosed(proxy);
});

test('a log names both ends of the connection to the endpoint', async (t) => {
  const from: number[] = [];
  const server = createServer((socket) => {
    from.push(socket.remotePort ?? 0);
    socket.on('error', () => {}).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const logged: string[] = [];
  const log = {
    name: 'file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '/dev/null',
      log_format: { text_format_source: { inline_string: '%UPSTREAM_LOCAL_ADDRESS% to %UPSTREAM_HOST%\n' } },
    },
  };
  const filter = tcpFilter({ access_log: [log] });
  const openLog = () =>
    ({ write: (text: string) => void logged.push(text), reopen: () => {}, close: () => {} }) as never;
  const proxy = await runProxy([listener('l', [{ filters: [filter] }])], [cluster('app', [port])], undefined, {
    openLog,
  });
  t.after(() => (proxy.close(), server.close()));
  const client = connect(proxy.port('l'), '127.0.0.1');
  client.end('word');
  client.resume();
  await ended(client, 'close');
  await allClosed(proxy);
  await until('the line', () => logged.length > 0);
  assert.equal(logged.join(''), `127.0.0.1:${from[0]} to 127.0.0.1:${port}\n`);
});
