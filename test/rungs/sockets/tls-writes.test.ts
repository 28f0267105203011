// Writes through TLS arrive whole and in order, also behind each other within a round of the loop, which Node's TLS does not take.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { type Conn, Draft } from '#base';
import { SystemNet } from '#io';
import { selfSigned } from './self-signed.ts';

const net = new SystemNet();
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof VERSIONS)[number];

/** The server's end and the client's of one connection, both up. */
async function pair(
  t: TestContext,
  version: Version,
  onDrain = (): void => {},
): Promise<[server: Conn, client: TLSSocket, beneath: Socket]> {
  const context = selfSigned('server');
  const accepted = Promise.withResolvers<Conn>();
  const heard = Promise.withResolvers<void>();
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (raw) => {
    raw.startTlsServer(
      {
        context,
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
        requestClientCertificate: false,
        alpn: [],
        handshakeTimeoutMs: 60_000,
      },
      (result) => {
        if (!result.ok) return accepted.reject(new Error(result.error.message));
        result.conn.handler = { onData: () => heard.resolve(), onEnd() {}, onDrain, onClose() {} };
        accepted.resolve(result.conn);
      },
    );
  });
  t.after(() => listener.close());
  const beneath = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
  const client = connectTls({
    socket: beneath,
    // Node takes it here too, its types do not say so.
    ...({ allowHalfOpen: true } as object),
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  });
  t.after(() => client.destroy());
  const conn = await accepted.promise;
  t.after(() => conn.destroy());
  client.write('here');
  await heard.promise;
  return [conn, client, beneath];
}

/** So many rounds of the loop later. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => void setImmediate(resolve));
}

async function all(client: TLSSocket): Promise<string> {
  const hash = createHash('sha256');
  client.on('data', (data: Buffer) => void hash.update(data));
  await once(client, 'end');
  return hash.digest('hex');
}

const digest = (sent: readonly string[]): string => createHash('sha256').update(sent.join('')).digest('hex');

function send(conn: Conn, text: string, i: number): boolean {
  if (i % 3 === 0) return conn.writeText(text);
  if (i % 3 === 1) return conn.write(Buffer.from(text, 'latin1'));
  const draft = new Draft();
  draft.text(text);
  assert.ok(conn.writeDraft !== undefined);
  return conn.writeDraft(draft);
}

for (const version of VERSIONS) {
  for (const pause of [0, 1, 2])
    test(`${version}: writes of all kinds, ${pause} rounds apart and the end behind them, arrive in order`, async (t) => {
      const [conn, client] = await pair(t, version);
      const got = all(client);
      const sent: string[] = [];
      for (let i = 0; i < 300; i++) {
        const text = `${i} `.repeat(1 + ((i * 37) % 400));
        sent.push(text);
        if (i % 7 === 0) conn.cork();
        send(conn, text, i);
        if (i % 7 === 3) conn.uncork();
        if (pause > 0 && i % 5 === 0) await rounds(pause);
      }
      conn.end();
      assert.equal(await got, digest(sent));
    });

  test(`${version}: a reader that stops holds the writer up, and lets it go on`, async (t) => {
    let drained = 0;
    const [conn, client] = await pair(t, version, () => drained++);
    client.pause();
    const sent: string[] = [];
    const text = 'x'.repeat(50_000);
    do sent.push(text);
    while (conn.writeText(text));
    assert.ok(conn.queuedBytes > 0);
    const got = all(client);
    client.resume();
    while (drained === 0) await rounds(1);
    assert.equal(drained, 1);
    sent.push('last');
    conn.writeText('last');
    conn.end();
    assert.equal(await got, digest(sent));
  });
}

for (const version of VERSIONS)
  test(`${version}: a peer that said its last word reads on, and gets all`, async (t) => {
    const [conn, client] = await pair(t, version);
    const ended = Promise.withResolvers<void>();
    conn.handler = { onData() {}, onEnd: ended.resolve, onDrain() {}, onClose() {} };
    const got = all(client);
    client.end();
    await ended.promise;
    const sent = [6_000_000, 10, 300_000].map((length, i) => String(i).repeat(length));
    for (const [i, text] of sent.entries()) {
      send(conn, text, i);
      await rounds(3);
    }
    client.pause();
    setTimeout(() => client.resume(), 50);
    conn.end();
    assert.equal(await got, digest(sent));
  });

for (const version of VERSIONS)
  for (const kind of [0, 1, 2])
    test(`${version}: a peer that said its last word and broke the connection is gone with the next write, kind ${kind}`, async (t) => {
      const [conn, client, beneath] = await pair(t, version);
      const ended = Promise.withResolvers<void>();
      const closed = Promise.withResolvers<void>();
      conn.handler = { onData() {}, onEnd: ended.resolve, onDrain() {}, onClose: () => closed.resolve() };
      client.end();
      await ended.promise;
      // OpenSSL hears nothing more after the last word: only a write can fail, before its call returns.
      beneath.resetAndDestroy();
      await once(beneath, 'close');
      send(conn, 'x'.repeat(100_000), kind);
      await closed.promise;
    });

test('a peer that broke the connection before Node could send it tickets is gone with the next write', async (t) => {
  const closed = Promise.withResolvers<void>();
  let heard = '';
  let ended = false;
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (raw) => {
    const options = {
      context: selfSigned('server'),
      check: () => ({ ok: true, verdict: { kind: 'anonymous' } }) as const,
      requestClientCertificate: false,
      alpn: [],
      handshakeTimeoutMs: 60_000,
    };
    raw.startTlsServer(options, (result) => {
      assert.ok(result.ok);
      const { conn } = result;
      t.after(() => conn.destroy());
      conn.handler = {
        onData(data) {
          heard += data.toString();
          setImmediate(() => conn.writeText('x'));
        },
        onEnd: () => void (ended = true),
        onDrain() {},
        onClose: () => closed.resolve(),
      };
    });
  });
  t.after(() => listener.close());
  const signs = new Int32Array(new SharedArrayBuffer(8));
  const client = new Worker(new URL('./last-flight-client.ts', import.meta.url), {
    workerData: { port: listener.port, signs },
  });
  t.after(() => client.terminate());
  await once(client, 'message');
  Atomics.store(signs, 0, 1);
  Atomics.notify(signs, 0);
  Atomics.wait(signs, 1, 0);
  await closed.promise;
  assert.deepEqual([heard, ended], ['here', true]);
});

test('TLS 1.2: writes wait for a renegotiation, and follow it', async (t) => {
  const [conn, client] = await pair(t, 'TLSv1.2');
  const got = all(client);
  const sent: string[] = [];
  let over = false;
  client.renegotiate({}, () => (over = true));
  for (let i = 0; i < 200 || !over; i++) {
    const text = `${i} `.repeat(20);
    sent.push(text);
    send(conn, text, i);
    await rounds(1);
  }
  conn.end();
  assert.equal(await got, digest(sent));
});
