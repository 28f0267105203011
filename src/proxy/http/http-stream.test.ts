import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger, TimerWheel } from '#base';
import { StatStore, StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead, type ResponseHead, type ServerStream } from '#wire/http';
import type { DownstreamFacts, FilterCallbacks, HttpFilter } from './filter.ts';
import type { HttpConnection } from './http-connection.ts';
import { HttpStream } from './http-stream.ts';
import type { StreamRouter } from './stream-router.ts';
import type { ManagerConfig } from './manager-config.ts';

/** A stream with these filters between a codec that records and a router that echoes. */
function build(makers: readonly ((callbacks: FilterCallbacks) => HttpFilter)[], end = false) {
  const log: string[] = [];
  const clock = new FakeClock();
  const codec = {
    version: '1.1',
    queuedBytes: 0,
    sendInformational: () => {},
    sendHead: (head: ResponseHead, last: boolean) => log.push(`sent ${head.status}${last ? ' end' : ''}`),
    sendData: (data: Uint8Array, last: boolean) => (
      log.push(`sent ${Buffer.from(data).toString()}${last ? ' end' : ''}`), true
    ),
    sendTrailers: () => log.push('sent trailers'),
    reset: () => log.push('reset'),
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
  } as unknown as ServerStream;
  const router: StreamRouter = {
    requestHead: (head, last) => log.push(`up ${head.path}${last ? ' end' : ''}`),
    requestData: (data, last) => log.push(`up ${Buffer.from(data).toString()}${last ? ' end' : ''}`),
    requestTrailers: () => log.push('up trailers'),
    pauseResponse: () => {},
    resumeResponse: () => {},
    heldBytes: 0,
    destroy: () => log.push('router destroyed'),
  };
  const services = {
    clock,
    wheel: new TimerWheel(clock),
    random: new SeededRandom(1),
    log: silentLogger,
    stats: new StatStore(),
  };
  const connection = {
    services,
    startRouter: (stream: HttpStream, last: boolean) => {
      stream.router = router;
      router.requestHead(stream.head, last);
    },
    count: () => {},
    finishResponseHead: () => {},
    onStreamEnd: () => log.push('over'),
    chooseRoute: () => undefined,
  } as unknown as HttpConnection;
  const head: RequestHead = {
    method: 'POST',
    path: '/',
    authority: 'a',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers: new HeaderBlock(),
  };
  const config = {
    replyMappers: [],
    filters: makers.map((create, i) => ({ name: `f${i}`, create })),
    bufferLimit: 20,
    streamIdleMs: 0,
    requestTimeoutMs: 0,
    maxStreamMs: 0,
  } as unknown as ManagerConfig;
  const stream = new HttpStream(connection, config, codec, head, end, new StreamRecord(), {} as DownstreamFacts);
  return { stream, log };
}

const buffer = (text: string): Buffer => Buffer.from(text);

test('a request without filters goes straight through', () => {
  const { stream, log } = build([]);
  stream.begin();
  stream.onData(buffer('a'), false);
  stream.onData(buffer('b'), true);
  stream.responseHead({ status: 200, headers: new HeaderBlock() }, false);
  stream.responseData(buffer('x'), true);
  assert.deepEqual(log, ['up /', 'up a', 'up b end', 'sent 200', 'sent x end', 'router destroyed', 'over']);
});

test('a filter that stops the head holds the body back until it continues', () => {
  let go = (): void => {};
  const { stream, log } = build([
    (callbacks) => ({ requestHead: () => ((go = () => callbacks.continueRequest()), 'stop') }),
  ]);
  stream.begin();
  stream.onData(buffer('ab'), false);
  stream.onData(buffer('c'), true);
  assert.deepEqual(log, []);
  go();
  assert.deepEqual(log, ['up /', 'up abc end']);
});

test('a filter that buffers gets the whole body once, then everything goes on', () => {
  const seen: string[] = [];
  const { stream, log } = build([
    () => ({
      requestHead: () => 'buffer',
      requestData: (data, end) => (seen.push(`${data.toString()} ${end}`), 'continue'),
    }),
  ]);
  stream.begin();
  stream.onData(buffer('a'), false);
  stream.onData(buffer('b'), true);
  assert.deepEqual(seen, ['ab true']);
  assert.deepEqual(log, ['up /', 'up ab end']);
});

test('external authorization with body: buffer, then stop, then continue later', () => {
  let go = (): void => {};
  const { stream, log } = build([
    (callbacks) => ({
      requestHead: () => 'buffer',
      requestData: () => ((go = () => callbacks.continueRequest()), 'stop'),
    }),
  ]);
  stream.begin();
  stream.onData(buffer('body'), true);
  assert.deepEqual(log, []);
  go();
  assert.deepEqual(log, ['up /', 'up body end']);
});

test('a late answer to a client that went away does nothing', () => {
  let go = (): void => {};
  const { stream, log } = build([
    (callbacks) => ({ requestHead: () => ((go = () => callbacks.continueRequest()), 'stop') }),
  ]);
  stream.begin();
  stream.onReset('connection-termination', 'gone');
  go();
  assert.deepEqual(log, ['over']);
  assert.deepEqual(stream.record.flags, ['DC']);
});

test('a body over the limit is refused with 413', () => {
  const { stream, log } = build([() => ({ requestHead: () => 'buffer' })]);
  stream.begin();
  stream.onData(buffer('x'.repeat(21)), false);
  assert.deepEqual(log, ['sent 413', 'sent Payload Too Large end', 'over']);
});

test('a filter that rewrites the body drops the announced length', () => {
  const { stream, log } = build([
    (callbacks) => ({
      requestHead: () => 'buffer',
      requestData: (data) => (callbacks.replaceData(buffer(data.toString().toUpperCase())), 'continue'),
    }),
  ]);
  stream.head.headers.add('content-length', '3');
  stream.begin();
  stream.onData(buffer('abc'), true);
  assert.equal(stream.head.headers.get('content-length'), undefined);
  assert.deepEqual(log, ['up /', 'up ABC end']);
});

test('a reply passes the filters of the answer and ends the stream', () => {
  const names: string[] = [];
  const { stream, log } = build(
    [
      () => ({
        responseHead: (head) => (names.push(`first ${head.status}`), 'continue'),
        destroy: () => void names.push('destroyed'),
      }),
      (callbacks) => ({ requestHead: () => (callbacks.reply({ status: 403, body: 'no', details: 'x' }), 'stop') }),
    ],
    true,
  );
  stream.begin();
  assert.deepEqual(log, ['sent 403', 'sent no end', 'over']);
  assert.deepEqual(names, ['first 403', 'destroyed']);
  assert.equal(stream.record.responseCodeDetails, 'x');
});

test('the answer runs through the filters backwards', () => {
  const order: number[] = [];
  const { stream } = build(
    [0, 1, 2].map((i) => () => ({ responseHead: () => (order.push(i), 'continue' as const) })),
    true,
  );
  stream.begin();
  stream.responseHead({ status: 200, headers: new HeaderBlock() }, true);
  assert.deepEqual(order, [2, 1, 0]);
});

test('a buffered answer is given whole before its head goes on', () => {
  const { stream, log } = build(
    [
      (callbacks) => ({
        responseHead: () => 'buffer',
        responseData: (data) => (callbacks.replaceData(buffer(`<${data.toString()}>`)), 'continue'),
      }),
    ],
    true,
  );
  stream.begin();
  stream.responseHead({ status: 200, headers: new HeaderBlock() }, false);
  stream.responseData(buffer('a'), false);
  stream.responseData(buffer('b'), true);
  assert.deepEqual(log, ['up / end', 'sent 200', 'sent <ab> end', 'router destroyed', 'over']);
});
