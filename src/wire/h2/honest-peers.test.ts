// What looks like a flood and is none: acknowledgements of much body, body under way to a stream that we reset, a peer that has enough.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../http/headers.ts';
import type { ClientStreamHandler, RequestHead, ServerStream, ServerStreamHandler } from '../http/stream.ts';
import { H2ClientConnection } from './client-connection.ts';
import { H2_ERROR } from './errors.ts';
import { FLAG, FRAME, SETTING } from './frame.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { MemoryPair } from './memory-pair.fixture.ts';
import { frame } from './raw-frame.fixture.ts';
import { H2ServerConnection } from './server-connection.ts';

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const request: RequestHead = {
  method: 'GET',
  path: '/',
  authority: 'a.test',
  scheme: 'http',
  version: '2',
  protocol: '',
  headers: new HeaderBlock(),
};
const silent: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };
const post = (stream: number): Buffer =>
  frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, Buffer.from([0x83, 0x84, 0x86, 0x41, 1, 0x61]));

/** CONNECT, with an :authority of one letter. */
const connectTo = (host: string): Buffer =>
  Buffer.concat([Buffer.from([2, 7]), Buffer.from('CONNECT'), Buffer.from([1, 1]), Buffer.from(host)]);

/** A server with one client that has opened streams 1 and 3 and gives windows that never end. */
function serving(streamsMax = 100): { server: H2ServerConnection; streams: ServerStream[]; pair: MemoryPair } {
  const pair = new MemoryPair();
  const streams: ServerStream[] = [];
  const server = new H2ServerConnection(
    pair.b,
    { onRequest: (stream) => (streams.push(stream), silent), onProtocolError: () => {} },
    { limits: { ...DEFAULT_LIMITS, concurrentStreamsMax: streamsMax }, defer: pair.defer, now: () => 1_000 },
  );
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(SETTING.INITIAL_WINDOW_SIZE);
  settings.writeUInt32BE(1 << 30, 2);
  server.onData(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  server.onData(frame(FRAME.SETTINGS, 0, 0, settings));
  server.onData(frame(FRAME.WINDOW_UPDATE, 0, 0, number(1 << 30)));
  server.onData(post(1));
  server.onData(post(3));
  return { server, streams, pair };
}

test('a client may acknowledge each of many small messages by itself, however late', () => {
  const { server, streams } = serving();
  const stream = streams[0] as ServerStream;
  stream.sendHead({ status: 200, headers: new HeaderBlock() }, false);
  for (let i = 0; i < 5_000; i++) stream.sendData(Buffer.alloc(100), false);
  for (let i = 0; i < 5_000; i++) {
    server.onData(frame(FRAME.WINDOW_UPDATE, 0, 0, number(100)));
    server.onData(frame(FRAME.WINDOW_UPDATE, 0, 1, number(100)));
  }
  assert.equal(server.violation, '');
});

test('acknowledgements of body that was never sent are a flood', () => {
  const { server } = serving();
  for (let i = 0; i < 1_100; i++) server.onData(frame(FRAME.WINDOW_UPDATE, 0, 0, number(1)));
  assert.equal(server.violation, 'inbound_control_frames_flood');
});

test('what was under way to a stream that we reset is nobody’s fault, up to its window', () => {
  const { server, streams } = serving();
  streams[0]?.reset('local-reset');
  const message = frame(FRAME.DATA, 0, 1, Buffer.alloc(100));
  const fits = Math.floor(DEFAULT_LIMITS.streamWindowBytes / 100);
  for (let i = 0; i < fits; i++) server.onData(message);
  assert.equal(server.violation, '');
  server.onData(frame(FRAME.DATA, FLAG.END_STREAM, 3, Buffer.alloc(10)));
  for (let i = 0; i < 1_100; i++) server.onData(message);
  assert.equal(server.violation, 'inbound_control_frames_flood');
});

/** Body in pieces of this size with a PING behind each, until the server has had enough or has seen 3,000. */
function pingsBetween(bytes: number): H2ServerConnection {
  const { server } = serving();
  const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));
  for (let i = 0; i < 3_000 && server.violation === ''; i++) {
    server.onData(frame(FRAME.DATA, 0, 1, Buffer.alloc(bytes)));
    server.onData(ping);
  }
  return server;
}

test('an upload may be measured by a PING with each message', () => {
  assert.equal(pingsBetween(40).violation, '');
});

test('a byte of body between PINGs does not make them traffic', () => {
  assert.equal(pingsBetween(1).violation, 'inbound_control_frames_flood');
});

/** A request with body and trailers that the server does not take. */
function postOneMore(server: H2ServerConnection): void {
  const id = server.lastStreamId + 2;
  server.onData(post(id));
  server.onData(frame(FRAME.DATA, 0, id, Buffer.alloc(1_000)));
  server.onData(frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, id, Buffer.alloc(0)));
}

test('a client that does not know the limit of streams yet may have sent body with its request', () => {
  const { server } = serving(2);
  postOneMore(server);
  assert.equal(server.violation, '');
  assert.equal(server.streams.size, 2);
});

test('a request that crosses the last GOAWAY is passed over with its body, and those under way go on', () => {
  const { server } = serving();
  server.drain();
  server.onData(frame(FRAME.PING, FLAG.ACK, 0, Buffer.from('drainpng')));
  postOneMore(server);
  assert.equal(server.violation, '');
  assert.equal(server.streams.size, 2);
});

test('a client that says GOAWAY closes the connection itself', () => {
  const { server, streams, pair } = serving();
  for (const stream of streams) stream.sendHead({ status: 200, headers: new HeaderBlock() }, true);
  assert.equal(server.streams.size, 0);
  server.onData(frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)));
  assert.equal(pair.b.ended, false);
});

test('a tunnel that is refused is over, whether its client ends it or not', () => {
  const { server, streams } = serving();
  server.onData(frame(FRAME.HEADERS, FLAG.END_HEADERS, 5, connectTo('a')));
  streams[2]?.sendHead({ status: 404, headers: new HeaderBlock() }, true);
  assert.equal(server.streams.size, 2);
});

interface Endpoint {
  readonly client: H2ClientConnection;
  readonly pair: MemoryPair;
  readonly resets: string[];
}

/** A client whose endpoint answered the first request. */
function asking(): Endpoint {
  const pair = new MemoryPair();
  const client = new H2ClientConnection(
    pair.a,
    { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => {} },
    { limits: DEFAULT_LIMITS, defer: pair.defer, concurrentMax: 100 },
  );
  client.onData(frame(FRAME.SETTINGS, 0, 0));
  const resets: string[] = [];
  const handler: ClientStreamHandler = {
    onInformational: () => {},
    onHead: () => {},
    onData: () => {},
    onTrailers: () => {},
    onDrain: () => {},
    onReset: (reason) => void resets.push(reason),
  };
  for (let i = 0; i < 3; i++) client.open(handler)?.sendHead(request, true);
  return { client, pair, resets };
}

const calm = frame(FRAME.RST_STREAM, 0, 3, number(H2_ERROR.ENHANCE_YOUR_CALM));

test('an endpoint that has had enough of a connection gets no more requests on it', () => {
  const { client, resets } = asking();
  client.onData(frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, Buffer.from([0x88])));
  client.onData(calm);
  assert.deepEqual(resets, ['remote-reset']);
  assert.equal(client.canOpen, false);
  assert.equal(client.activeStreams, 1);
});

test('one that refuses from the first request on would refuse on every connection', () => {
  const { client } = asking();
  client.onData(calm);
  assert.equal(client.canOpen, true);
});

test('an endpoint that has said its last gets no more requests', () => {
  const { client } = asking();
  client.onEnd();
  assert.equal(client.canOpen, false);
});
