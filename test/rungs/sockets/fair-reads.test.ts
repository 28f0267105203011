// One connection whose bytes take long to handle, over real sockets: it gets all of them, and others have their turn in between.
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { ConnectOptions } from '#base';
import { SystemNet } from '#io';
import { until } from '../../mesh/until.ts';
import { selfSigned } from './self-signed.ts';

const SENT = Buffer.from(Array.from({ length: 2 ** 20 }, (_, i) => (i * 7919) >> 8));
/** As thousands of frames of a few bytes: 2 ms for the least that may be read at once. */
const SLOW_BYTES_PER_MS = 2 * 1024;
/** OpenSSL says all that it has of one read. */
const ROUND_BYTES_MAX = 128 * 1024;

for (const [name, tls, begin] of [
  ['plain', undefined, () => createServer((socket) => socket.end(SENT))],
  [
    'TLS',
    {
      context: { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', version: 'v1' },
      alpn: [],
      sni: '',
      check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      checkKey: '',
    },
    () => {
      const own = selfSigned('server');
      return createTlsServer({ key: own.privateKeyPem, cert: own.certChainPem }, (socket) => socket.end(SENT));
    },
  ],
] as const satisfies readonly (readonly [string, ConnectOptions['tls'], () => Server])[]) {
  test(`${name} bytes that take long come a few in each round, and all of them`, async (t) => {
    const server = begin().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await until('the server', () => server.listening);
    const got: Buffer[] = [];
    let ended = false;
    let roundBytes = 0;
    const rounds: number[] = [];
    const { port } = server.address() as AddressInfo;
    const conn = new SystemNet().connect(
      { host: '127.0.0.1', port, timeoutMs: 60_000, ...(tls === undefined ? {} : { tls }) },
      {
        onConnected() {},
        onData(data) {
          got.push(Buffer.from(data));
          roundBytes += data.length;
          for (const end = performance.now() + data.length / SLOW_BYTES_PER_MS; performance.now() < end; );
        },
        onEnd: () => void (ended = true),
        onDrain() {},
        onClose() {},
      },
    );
    const count = (): void => {
      if (roundBytes > 0) rounds.push(roundBytes);
      roundBytes = 0;
      if (!ended) setImmediate(count);
    };
    setImmediate(count);
    await until('the end', () => ended);
    conn.destroy();
    assert.ok(Buffer.concat(got).equals(SENT));
    assert.ok(Math.max(...rounds) <= ROUND_BYTES_MAX, `at most ${Math.max(...rounds)} bytes in one round`);
    if (tls !== undefined) return;
    // The first long read shows that the bytes are slow.
    const median = rounds.toSorted((a, b) => a - b)[rounds.length >> 1] as number;
    assert.ok(median <= 16 * 1024, `${median} bytes in most rounds`);
  });
}

test('of many connections whose bytes come at once a few are read in each round, all of them in turns, also those that pause', async (t) => {
  const count = 40;
  const server = createServer((socket) => socket.end(SENT)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await until('the server', () => server.listening);
  const { port } = server.address() as AddressInfo;
  const net = new SystemNet();
  const got: Buffer[][] = [];
  let ended = 0;
  let reads = 0;
  for (let i = 0; i < count; i++) {
    const own: Buffer[] = [];
    got.push(own);
    const conn = net.connect(
      { host: '127.0.0.1', port, timeoutMs: 60_000 },
      {
        onConnected() {},
        onData(data) {
          own.push(Buffer.from(data));
          reads++;
          for (const end = performance.now() + 1; performance.now() < end; );
          if (i % 4 !== 0) return;
          conn.pause();
          setImmediate(() => conn.resume());
        },
        onEnd: () => {
          ended++;
          conn.destroy();
        },
        onDrain() {},
        onClose() {},
      },
    );
  }
  const rounds: number[] = [];
  const countReads = (): void => {
    if (reads > 0) rounds.push(reads);
    reads = 0;
    if (ended < count) setImmediate(countReads);
  };
  setImmediate(countReads);
  await until('all ends', () => ended === count);
  for (const own of got) assert.ok(Buffer.concat(own).equals(SENT));
  const median = rounds.toSorted((a, b) => a - b)[rounds.length >> 1] as number;
  // Those that resume come in between.
  assert.ok(median <= 12, `${median} reads in most rounds`);
});
