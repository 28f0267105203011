// Bytes over real sockets: whole and in order whatever the reader does, plain and TLS; buffers are never reused under a pending write.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Conn, type ConnHandler, Draft } from '#base';
import { SystemNet } from '#io';
import { until } from '../../mesh/until.ts';
import { selfSigned } from './self-signed.ts';

const net = new SystemNet();
const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i);
  return bytes;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

class Sends implements ConnHandler {
  conn: Conn | undefined;
  onData(data: Buffer): void {
    // As a proxy does: what came in goes on as it is.
    if (this.conn?.write(data) === false) this.source?.pause();
  }
  source: Conn | undefined;
  onEnd(): void {
    this.conn?.end();
  }
  onDrain(): void {}
  onClose(): void {}
}

/** Bytes of one connection go to another, with back-pressure. */
async function relay(): Promise<{
  readonly inPort: number;
  readonly outPort: number;
  /** Where the bytes go to is connected. */
  ready(): boolean;
  close(): void;
}> {
  const sends = new Sends();
  const out = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    sends.conn = conn;
    conn.handler = { onData() {}, onEnd() {}, onDrain: () => sends.source?.resume(), onClose() {} };
  });
  const into = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    sends.source = conn;
    conn.handler = sends;
  });
  return {
    inPort: into.port,
    outPort: out.port,
    ready: () => sends.conn !== undefined,
    close: () => {
      into.close();
      out.close();
      sends.conn?.destroy();
      sends.source?.destroy();
    },
  };
}

test('a slow reader gets every byte of 8 MB, in order', async () => {
  const { inPort, outPort, ready, close } = await relay();
  const sent = pattern(8 * 1024 * 1024);
  const reader = connectSocket(outPort, '127.0.0.1');
  await until('the way out', () => ready());
  const writer = connectSocket(inPort, '127.0.0.1');
  for (let at = 0; at < sent.length; at += 100_003) writer.write(sent.subarray(at, at + 100_003));
  writer.end();
  const got: Buffer[] = [];
  reader.on('data', (data: Buffer) => {
    got.push(Buffer.from(data));
    reader.pause();
    setTimeout(() => reader.resume(), 1);
  });
  await new Promise((resolve) => reader.once('end', resolve));
  assert.equal(digest(Buffer.concat(got)), digest(sent));
  reader.destroy();
  writer.destroy();
  close();
});

test('bytes and the end that come while reading is paused are delivered after it, in order', async () => {
  const events: string[] = [];
  let accepted: Conn | undefined;
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    accepted = conn;
    conn.handler = {
      onData: (data) => {
        events.push(data.toString());
        if (events.length === 1) {
          conn.pause();
          conn.unread(Buffer.from('again '));
        }
      },
      onEnd: () => events.push('<end>'),
      onDrain() {},
      onClose() {},
    };
  });
  const client = connectSocket(listener.port, '127.0.0.1');
  const count = (wanted: number): Promise<void> => until(`${wanted} events`, () => events.length >= wanted);
  client.write('first');
  await count(1);
  client.end(' last');
  await wait(30);
  assert.deepEqual(events, ['first']);
  accepted?.resume();
  await count(4);
  assert.deepEqual(events, ['first', 'again ', ' last', '<end>']);
  accepted?.destroy();
  client.destroy();
  listener.close();
});

test('what is written before the end arrives before it, and corked pieces in one', async () => {
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = {
      onData: () => {
        conn.cork();
        conn.writeText('a');
        conn.write(Buffer.alloc(300_000, 'b'));
        conn.writeText('c');
        conn.end();
        conn.uncork();
      },
      onEnd() {},
      onDrain() {},
      onClose() {},
    };
  });
  const client = connectSocket(listener.port, '127.0.0.1');
  client.write('?');
  const got: Buffer[] = [];
  client.on('data', (data: Buffer) => void got.push(data));
  await new Promise((resolve) => client.once('end', resolve));
  assert.equal(Buffer.concat(got).toString(), `a${'b'.repeat(300_000)}c`);
  client.destroy();
  listener.close();
});

test('an end waits for what a slow reader has not taken, also right after corked pieces that left at once', async () => {
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = {
      onData: () => {
        conn.cork();
        conn.writeText('a');
        conn.write(Buffer.alloc(70_000, 'b'));
        conn.uncork();
        conn.write(Buffer.alloc(16 << 20, 'c'));
        conn.write(Buffer.alloc(100_000, 'd'));
        conn.end();
      },
      onEnd() {},
      onDrain() {},
      onClose() {},
    };
  });
  const client = connectSocket(listener.port, '127.0.0.1');
  client.write('?');
  await wait(50);
  let got = 0;
  client.on('data', (data: Buffer) => void (got += data.length));
  await new Promise((resolve) => client.once('close', resolve));
  listener.close();
  assert.equal(got, 1 + 70_000 + (16 << 20) + 100_000);
});

test('a writer that was told to stop is told to go on, though all left when it uncorked', async () => {
  const told: string[] = [];
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = {
      onData: () => {
        conn.cork();
        conn.writeText('head');
        const room = conn.write(Buffer.alloc(65_536));
        conn.uncork();
        told.push(room ? 'room' : 'stop');
      },
      onEnd() {},
      onDrain: () => void told.push('go on'),
      onClose() {},
    };
  });
  const client = connectSocket(listener.port, '127.0.0.1');
  client.write('?');
  client.resume();
  await until('the word to go on', () => told.length > 1);
  client.destroy();
  listener.close();
  assert.deepEqual(told, ['stop', 'go on']);
});

test('drafts of one buffer to a slow reader arrive whole and in order, whatever the kernel took of them at once', async () => {
  const draft = new Draft();
  const holder = { makeRoom() {} };
  const sent: string[] = [];
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    const handler: ConnHandler = { onData: send, onEnd() {}, onDrain: send, onClose() {} };
    conn.handler = handler;
    function send(): void {
      while (sent.length < 3000) {
        const text = `${sent.length}:${'abcdefghij'[sent.length % 10]?.repeat(1 + ((sent.length * 7919) % 4000))};`;
        sent.push(text);
        draft.begin(holder);
        draft.text(text);
        draft.finish();
        if (conn.writeDraft?.(draft) === false) return;
      }
      conn.end();
    }
  });
  const client = connectSocket(listener.port, '127.0.0.1');
  client.write('?');
  const got: Buffer[] = [];
  client.on('data', (data: Buffer) => {
    got.push(data);
    client.pause();
    setTimeout(() => client.resume(), 1);
  });
  await new Promise((resolve) => client.once('end', resolve));
  assert.equal(sent.length, 3000);
  assert.equal(digest(Buffer.concat(got)), digest(Buffer.from(sent.join(''))));
  client.destroy();
  listener.close();
});

for (const [writes, size] of [
  [1, 20_000],
  [10, 300],
  [3, 16_000],
] as const)
  test(`a paused reader gets all of ${writes} x ${size} bytes of TLS, though both ends have closed meanwhile`, async (t) => {
    const own = selfSigned('server');
    const server = createTlsServer(
      { key: own.privateKeyPem, cert: own.certChainPem, ...{ allowHalfOpen: true } },
      (socket) => {
        socket.resume().once('end', () => {
          for (let i = 0; i < writes; i++) socket.write(Buffer.alloc(size, 'x'));
          socket.end();
        });
      },
    ).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    let bytes = 0;
    const events: string[] = [];
    const conn = net.connect(
      {
        host: '127.0.0.1',
        port: (server.address() as AddressInfo).port,
        timeoutMs: 60_000,
        tls: {
          context: { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', version: 'v1' },
          alpn: [],
          sni: '',
          check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
          checkKey: '',
        },
      },
      {
        onConnected: () => conn.end(),
        onData: (data) => {
          bytes += data.length;
          conn.pause();
          setTimeout(() => conn.resume(), 50);
        },
        onEnd: () => events.push('end'),
        onDrain() {},
        onClose: (error) => events.push(`close ${error?.code ?? 'well'}`),
      },
    );
    await until('the end', () => events.length === 2);
    assert.deepEqual([bytes, ...events], [writes * size, 'end', 'close well']);
  });
