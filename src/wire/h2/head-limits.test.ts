// Header lists at their limit, one byte and one field beyond (RFC 9113 §6.5.2), and limits that change while a connection lives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../http/headers.ts';
import type { ServerStreamHandler } from '../http/stream.ts';
import { H2ClientConnection } from './client-connection.ts';
import { DEFAULT_LIMITS, h2HeadLimits } from './limits.ts';
import { MemoryPair } from './memory-pair.fixture.ts';
import { H2ServerConnection } from './server-connection.ts';

const silent: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };
/** `:method GET`, `:scheme http`, `:path /`, `:authority a`: names and values, and 32 for each. */
const PSEUDO_BYTES = 10 + 11 + 6 + 11 + 4 * 32;

function meet(headBytesMax: number, fieldsMax: number) {
  const pair = new MemoryPair();
  const told: string[] = [];
  const server = new H2ServerConnection(
    pair.b,
    {
      onRequest: (stream) => {
        stream.sendHead({ status: 204, headers: new HeaderBlock() }, true);
        return silent;
      },
      onProtocolError: (_, detail) => void told.push(detail.split(':')[0] as string),
      refusalBody: () => 'too much',
    },
    { limits: { ...DEFAULT_LIMITS, ...h2HeadLimits({ headBytesMax, fieldsMax }) }, defer: pair.defer },
  );
  pair.b.handler = server;
  const observer = { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => {} };
  const client = new H2ClientConnection(pair.a, observer, {
    limits: DEFAULT_LIMITS,
    defer: pair.defer,
    concurrentMax: 100,
  });
  pair.a.handler = client;
  pair.pump();
  const ask = (fields: readonly (readonly [string, string])[]): string => {
    let answer = '';
    const headers = new HeaderBlock();
    for (const [name, value] of fields) headers.add(name, value);
    const stream = client.open({
      onInformational: () => {},
      onHead: ({ status }) => void (answer += String(status)),
      onData: (data) => void (answer += ` ${data.toString()}`),
      onTrailers: () => {},
      onDrain: () => {},
      onReset: () => {},
    });
    stream?.sendHead(
      { method: 'GET', path: '/', authority: 'a', scheme: 'http', version: '2', protocol: '', headers },
      true,
    );
    pair.pump();
    return answer;
  };
  return { ask, told, server };
}

test('a list as large as its limit passes, one byte more is answered with 431', () => {
  const { ask, told } = meet(PSEUDO_BYTES + 33 + 100, 100);
  assert.equal(ask([['x', 'y'.repeat(100)]]), '204');
  assert.equal(ask([['x', 'y'.repeat(101)]]), '431 too much');
  assert.deepEqual(told, ['http2.too_many_headers']);
  assert.equal(ask([]), '204', 'the connection goes on');
});

test('as many fields as are allowed pass, one more is answered with 431', () => {
  const { ask } = meet(10_000, 6);
  assert.equal(
    ask([
      ['b', '1'],
      ['c', '1'],
    ]),
    '204',
  );
  assert.equal(
    ask([
      ['b', '1'],
      ['c', '1'],
      ['d', '1'],
    ]),
    '431 too much',
  );
});

test('another limit holds from the next head on, a larger one for blocks of several frames too', () => {
  const { ask, server } = meet(1_000, 100);
  const large = [['x', 'y'.repeat(200_000)]] as const;
  server.limitHeads({ headBytesMax: 300_000, fieldsMax: 100 });
  assert.equal(ask(large), '204');
  server.limitHeads({ headBytesMax: 1_000, fieldsMax: 100 });
  assert.equal(ask([['x', 'y'.repeat(1_000)]]), '431 too much');
});
