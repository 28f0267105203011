// Many new connections that speak at once, over real sockets: each round of the loop hears a few of them, and gets all that they say.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import type { Conn, ConnHandler } from '#base';
import { SystemNet } from '#io';
import { HEARD_MAX } from '../../../src/io/newcomers.ts';
import { until } from '../../mesh/until.ts';
import { selfSigned } from './self-signed.ts';

const MANY = 100;
/** What the loop finds and the end of its round may be heard as one. */
const IN_A_ROUND_MAX = 2 * HEARD_MAX;

/** What each said, and the most that were heard for the first time in one round. */
class Heard {
  readonly bytes = new Map<number, Buffer[]>();
  readonly conns: Conn[] = [];
  most = 0;
  over = false;
  #inRound = 0;

  constructor() {
    const count = (): void => {
      this.most = Math.max(this.most, this.#inRound);
      this.#inRound = 0;
      if (!this.over) setImmediate(count);
    };
    setImmediate(count);
  }

  of(port: number | undefined): Buffer {
    return Buffer.concat(this.bytes.get(port ?? 0) ?? []);
  }

  first(): void {
    this.#inRound++;
  }

  handler(conn: Conn): ConnHandler {
    return {
      onData: (data) => {
        const parts = this.bytes.get(conn.remotePort);
        if (parts === undefined) this.bytes.set(conn.remotePort, [Buffer.from(data)]);
        else parts.push(Buffer.from(data));
        if (parts === undefined && conn.tls === undefined) this.first();
      },
      onEnd: () => conn.end(),
      onDrain() {},
      onClose() {},
    };
  }
}

for (const [name, length] of [
  ['little', 100],
  ['much', 30_000],
] as const) {
  test(`newcomers that say ${name} are heard a few in a round, all that they said`, async (t) => {
    const heard = new Heard();
    const bound = await new SystemNet().listen({ host: '127.0.0.1', port: 0 }, (conn) => {
      heard.conns.push(conn);
      conn.handler = heard.handler(conn);
      // Until all are there, as bytes of many do that come while the loop is busy.
      conn.pause();
    });
    const sockets: Socket[] = [];
    t.after(() => {
      heard.over = true;
      bound.close();
      for (const socket of sockets) socket.destroy();
    });
    for (let i = 0; i < MANY; i++) sockets.push(connect(bound.port, '127.0.0.1').on('error', () => {}));
    await until('all are accepted', () => heard.conns.length === MANY);
    // The end comes with the bytes: it stays behind them.
    sockets.forEach((socket, i) => void socket.end(Buffer.alloc(length, i)));
    await until('all have written', () => sockets.every((socket) => socket.writableLength === 0));
    const ports = sockets.map((socket) => socket.localPort);
    for (const conn of heard.conns) conn.resume();
    await until('all are served', () => sockets.every((socket) => socket.destroyed || socket.readableEnded));
    ports.forEach((port, i) => assert.ok(heard.of(port).equals(Buffer.alloc(length, i))));
    assert.ok(heard.most <= IN_A_ROUND_MAX, `${heard.most} in one round`);
  });
}

test('newcomers that begin TLS are heard a few in a round, and all of them are served', async (t) => {
  const heard = new Heard();
  const bound = await new SystemNet().listen({ host: '127.0.0.1', port: 0 }, (raw) => {
    heard.conns.push(raw);
    raw.handler = {
      // As whoever looks at the first bytes does before TLS begins.
      onData(data) {
        heard.first();
        raw.pause();
        raw.unread(Buffer.from(data));
        raw.startTlsServer(
          {
            context: selfSigned('server'),
            requestClientCertificate: false,
            alpn: [],
            check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
            handshakeTimeoutMs: 60_000,
          },
          (result) => {
            if (result.ok) result.conn.handler = heard.handler(result.conn);
          },
        );
      },
      onEnd() {},
      onDrain() {},
      onClose() {},
    };
    raw.pause();
  });
  const plain: Socket[] = [];
  t.after(() => {
    heard.over = true;
    bound.close();
    for (const socket of plain) socket.destroy();
  });
  for (let i = 0; i < MANY; i++) plain.push(connect(bound.port, '127.0.0.1').on('error', () => {}));
  await until('all are accepted', () => heard.conns.length === MANY);
  const ports = plain.map((socket) => socket.localPort);
  plain.forEach((socket, i) =>
    tlsConnect({ socket, rejectUnauthorized: false })
      .on('error', () => {})
      .end(Buffer.alloc(100, i)),
  );
  for (const conn of heard.conns) conn.resume();
  await until('all are heard', () => ports.every((port) => heard.of(port).length === 100));
  ports.forEach((port, i) => assert.ok(heard.of(port).equals(Buffer.alloc(100, i))));
  assert.ok(heard.most <= IN_A_ROUND_MAX, `${heard.most} in one round`);
});
