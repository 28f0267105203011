import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { peekClientHello } from './client-hello.ts';

/** What OpenSSL sends first, without a socket. */
function opensslHello(options: {
  servername?: string;
  ALPNProtocols?: string[];
  maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) });
    connect({ socket: wire, rejectUnauthorized: false, ...options }).on('error', () => undefined);
  });
}

const ISTIO_SNI = 'outbound_.9080_.v1_.reviews.default.svc.cluster.local';
const hello = await opensslHello({ servername: ISTIO_SNI, ALPNProtocols: ['istio-http/1.1', 'istio', 'http/1.1'] });

test('a hello of OpenSSL gives name, ALPN and versions', () => {
  assert.deepEqual(peekClientHello(hello), {
    kind: 'hello',
    sni: ISTIO_SNI,
    alpn: ['istio-http/1.1', 'istio', 'http/1.1'],
    versions: [0x0304, 0x0303],
  });
});

test('a hello of TLS 1.2 without name and ALPN', async () => {
  const old = await opensslHello({ maxVersion: 'TLSv1.2' });
  const peeked = peekClientHello(old);
  assert.ok(peeked.kind === 'hello');
  assert.deepEqual([peeked.sni, peeked.alpn, peeked.versions], ['', [], [0x0303]]);
});

test('every proper prefix of a hello asks for more', () => {
  for (let length = 0; length < hello.length; length++)
    assert.equal(peekClientHello(hello.subarray(0, length)).kind, 'incomplete', `at ${length}`);
});

test('what follows the hello does not matter', () => {
  assert.deepEqual(peekClientHello(Buffer.concat([hello, Buffer.from('more')])), peekClientHello(hello));
});

test('a hello cut into records of any size says the same, and asks for more until its last byte', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), (size) => {
      const message = hello.subarray(5);
      const records: Buffer[] = [];
      for (let at = 0; at < message.length; at += size) {
        const part = message.subarray(at, at + size);
        records.push(Buffer.concat([Uint8Array.of(22, 3, 1, part.length >> 8, part.length & 0xff), part]));
      }
      const wire = Buffer.concat(records);
      assert.deepEqual(peekClientHello(wire), peekClientHello(hello));
      assert.equal(peekClientHello(wire.subarray(0, -1)).kind, 'incomplete');
    }),
  );
});

test('HTTP, an HTTP/2 preface and other plaintext is told at the first byte', () => {
  for (const text of ['G', 'GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n', '\0', '\x80\x2e\x01'])
    assert.equal(peekClientHello(Buffer.from(text, 'latin1')).kind, 'plaintext');
  assert.equal(peekClientHello(Uint8Array.of(22, 1)).kind, 'plaintext');
});

test('a record that cannot carry a hello is malformed', () => {
  const reason = (bytes: Uint8Array): string => {
    const peeked = peekClientHello(bytes);
    return peeked.kind === 'malformed' ? peeked.reason : peeked.kind;
  };
  assert.match(reason(Uint8Array.of(22, 3, 1, 0, 0)), /length/);
  assert.match(reason(Uint8Array.of(22, 3, 1, 0xff, 0xff)), /length/);
  assert.match(reason(Uint8Array.of(22, 3, 1, 0, 4, 2, 0, 0, 0)), /no ClientHello/);
  assert.match(reason(Uint8Array.of(22, 3, 1, 0, 4, 1, 1, 0, 0)), /too long/);
  const interrupted = Buffer.concat([
    Uint8Array.of(22, 3, 1, 0, 4),
    hello.subarray(5, 9),
    Uint8Array.of(21, 3, 1, 0, 2),
  ]);
  assert.match(reason(interrupted), /interrupts/);
});

test('a name with NUL or a control byte is malformed', () => {
  for (const byte of [0, 10, 0x20, 0x7f, 0xff]) {
    const bytes = Buffer.from(hello);
    bytes[bytes.indexOf('reviews')] = byte;
    assert.equal(peekClientHello(bytes).kind, 'malformed', String(byte));
  }
});

test('arbitrary bytes and arbitrarily changed hellos never throw', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => void peekClientHello(Buffer.concat([Uint8Array.of(22, 3, 1), bytes])),
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (changes) => {
        const bytes = Buffer.from(hello);
        for (const [at, value] of changes) bytes[at] = value;
        peekClientHello(bytes);
      },
    ),
    { numRuns: 2000 },
  );
});
