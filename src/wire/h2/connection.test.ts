// Both roles of HTTP/2 against each other over memory: requests, bodies through small windows, trailers, resets, GOAWAY, floods.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock } from '../http/headers.ts';
import type {
  ClientStreamHandler,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
  ServerStream,
  ServerStreamHandler,
} from '../http/stream.ts';
import { H2ClientConnection } from './client-connection.ts';
import { FRAME, SETTING } from './frame.ts';
import { DEFAULT_LIMITS, type H2Limits } from './limits.ts';
import { MemoryPair } from './memory-pair.fixture.ts';
import { frame } from './raw-frame.fixture.ts';
import { H2ServerConnection } from './server-connection.ts';

interface Seen {
  head?: ResponseHead;
  informational: number[];
  body: string;
  trailers?: HeaderBlock;
  reset?: string;
  processed?: boolean;
  ended: boolean;
}

function collector(): { seen: Seen; handler: ClientStreamHandler } {
  const seen: Seen = { informational: [], body: '', ended: false };
  const handler: ClientStreamHandler = {
    onInformational: (status) => void seen.informational.push(status),
    onHead(head, end) {
      seen.head = head;
      seen.ended = end;
    },
    onData(data, end) {
      seen.body += data.toString('latin1');
      seen.ended = end;
    },
    onTrailers(t) {
      seen.trailers = t;
      seen.ended = true;
    },
    onDrain: () => {},
    onReset(reason, _detail, processed) {
      seen.reset = reason;
      seen.processed = processed;
    },
  };
  return { seen, handler };
}

function request(path: string, method = 'GET'): RequestHead {
  return { method, path, authority: 'a.test', scheme: 'http', version: '2', protocol: '', headers: new HeaderBlock() };
}

function setUp(
  onRequest: RequestAcceptor['onRequest'],
  limits: Partial<H2Limits> = {},
): { pair: MemoryPair; client: H2ClientConnection; server: H2ServerConnection } {
  const pair = new MemoryPair();
  const options = { limits: { ...DEFAULT_LIMITS, ...limits }, defer: pair.defer };
  const observer = { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => {} };
  const server = new H2ServerConnection(
    pair.b,
    { onRequest, onProtocolError: () => {} },
    { ...options, connectProtocol: true },
  );
  pair.b.handler = server;
  const client = new H2ClientConnection(pair.a, observer, { ...options, concurrentMax: 100 });
  pair.a.handler = client;
  pair.pump();
  return { pair, client, server };
}

const ignore: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };

function respond(stream: ServerStream, body: string): ServerStreamHandler {
  const headers = new HeaderBlock();
  headers.add('Content-Type', 'text/plain');
  stream.sendHead({ status: 200, headers }, false);
  stream.sendData(Buffer.from(body), true);
  return ignore;
}

test('a request and its response pass, with names in lower case', () => {
  const paths: string[] = [];
  const { pair, client } = setUp((stream, head) => {
    paths.push(`${head.method} ${head.authority}${head.path}`);
    return respond(stream, 'hello');
  });
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/x?y=1'), true);
  pair.pump();
  assert.deepEqual(paths, ['GET a.test/x?y=1']);
  assert.equal(seen.head?.status, 200);
  assert.equal(seen.head?.headers.get('content-type'), 'text/plain');
  assert.equal(seen.body, 'hello');
  assert.equal(seen.ended, true);
  assert.equal(client.activeStreams, 0);
});

test('bodies of any size arrive whole through any window, frame cut and pause', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.integer({ min: 20, max: 40_000 }),
      (sizes, window, chunk) => {
        let received = 0;
        let ended = false;
        const { pair, client } = setUp(
          (stream) => ({
            ...ignore,
            onData(data, end) {
              received += data.length;
              if (received % 3 === 0) {
                stream.pause();
                stream.resume();
              }
              if (end) {
                ended = true;
                respond(stream, 'done');
              }
            },
          }),
          { strawUpdatesMax: 1_000_000, streamWindowBytes: window, connectionWindowBytes: 65_535 },
        );
        pair.chunk = chunk;
        const { seen, handler } = collector();
        const stream = client.open(handler);
        stream?.sendHead(request('/up', 'POST'), false);
        for (const size of sizes) {
          stream?.sendData(Buffer.alloc(size, 97), false);
          pair.pump();
        }
        stream?.sendData(Buffer.alloc(0), true);
        pair.pump();
        assert.equal(
          received,
          sizes.reduce((a, b) => a + b, 0),
        );
        assert.equal(ended, true);
        assert.equal(seen.body, 'done');
      },
    ),
    { numRuns: 60 },
  );
});

test('a paused stream stops at its window and does not stop the others', () => {
  let held: ServerStream | undefined;
  let bytes = 0;
  const { pair, client } = setUp((stream, head) => {
    if (head.path !== '/held') return respond(stream, 'free');
    held = stream;
    stream.pause();
    return { ...ignore, onData: (d) => void (bytes += d.length) };
  });
  const first = client.open(collector().handler);
  first?.sendHead(request('/held', 'POST'), false);
  first?.sendData(Buffer.alloc(1_000_000), false);
  pair.pump();
  assert.equal(bytes, DEFAULT_LIMITS.streamWindowBytes);
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/free'), true);
  pair.pump();
  assert.equal(seen.body, 'free');
  held?.resume();
  pair.pump();
  assert.equal(bytes, 1_000_000);
});

test('trailers, 1xx and header blocks over one frame pass', () => {
  const { pair, client } = setUp((stream) => {
    stream.sendInformational(103, new HeaderBlock());
    const headers = new HeaderBlock();
    headers.add('x-long', 'v'.repeat(40_000));
    stream.sendHead({ status: 200, headers }, false);
    stream.sendData(Buffer.from('b'), false);
    const trailers = new HeaderBlock();
    trailers.add('grpc-status', '0');
    // Whoever merges trailers into the head would read this one as the body's length.
    trailers.add('content-length', '9');
    stream.sendTrailers(trailers);
    return ignore;
  });
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/'), true);
  pair.pump();
  assert.deepEqual(seen.informational, [103]);
  assert.equal(seen.head?.headers.get('x-long')?.length, 40_000);
  assert.deepEqual([...(seen.trailers?.entries() ?? [])], [['grpc-status', '0']]);
});

test('a refused stream was not processed; any other reset may have been', () => {
  for (const [reason, processed] of [
    ['refused-stream', false],
    ['local-reset', true],
  ] as const) {
    const { pair, client } = setUp((stream) => {
      stream.reset(reason);
      return ignore;
    });
    const { seen, handler } = collector();
    client.open(handler)?.sendHead(request('/'), true);
    pair.pump();
    assert.equal(seen.processed, processed);
  }
});

test('a draining server lets streams finish and then closes; the client opens no more', () => {
  let pending: ServerStream | undefined;
  const { pair, client, server } = setUp((stream) => {
    pending = stream;
    return ignore;
  });
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/'), true);
  pair.pump();
  server.drain();
  pair.pump();
  assert.equal(client.canOpen, false);
  assert.equal(seen.reset, undefined);
  respond(pending as ServerStream, 'late');
  pair.pump();
  assert.equal(seen.body, 'late');
  assert.equal(pair.b.ended, true);
});

const get = (stream: number): Buffer => frame(FRAME.HEADERS, 5, stream, Buffer.from([0x82, 0x84, 0x86, 0x41, 1, 0x61]));

const FLOODS: readonly (readonly [string, () => Buffer])[] = [
  ['PING', () => Buffer.concat(Array.from({ length: 1100 }, () => frame(FRAME.PING, 0, 0, Buffer.alloc(8))))],
  ['SETTINGS', () => Buffer.concat(Array.from({ length: 1100 }, () => frame(FRAME.SETTINGS, 0, 0)))],
  ['PRIORITY', () => Buffer.concat(Array.from({ length: 1100 }, () => frame(FRAME.PRIORITY, 0, 3, Buffer.alloc(5))))],
  [
    'rapid reset',
    () =>
      Buffer.concat(
        Array.from({ length: 300 }, (_, i) =>
          Buffer.concat([get(i * 2 + 1), frame(FRAME.RST_STREAM, 0, i * 2 + 1, Buffer.alloc(4))]),
        ),
      ),
  ],
  [
    'CONTINUATION',
    () =>
      Buffer.concat([
        frame(FRAME.HEADERS, 0, 1, Buffer.from([0x82])),
        ...Array.from({ length: 40 }, () => frame(FRAME.CONTINUATION, 0, 1)),
      ]),
  ],
  [
    'empty DATA',
    () =>
      Buffer.concat([
        frame(FRAME.HEADERS, 4, 1, Buffer.from([0x83, 0x84, 0x86, 0x41, 1, 0x61])),
        ...Array.from({ length: 40 }, () => frame(FRAME.DATA, 0, 1)),
      ]),
  ],
];

test('each flood ends the connection with ENHANCE_YOUR_CALM', () => {
  for (const [name, bytes] of FLOODS) {
    const { pair, server } = setUp(() => ignore);
    server.onData(bytes());
    assert.equal(server.closing, true, name);
    const sent = Buffer.concat(pair.b.sent);
    const goaway = sent.subarray(sent.lastIndexOf(Buffer.from([FRAME.GOAWAY, 0, 0, 0, 0, 0])));
    assert.equal(goaway.readUInt32BE(10), 11, name);
  }
});

test('random frames after the preface never do anything but answer or end the connection', () => {
  const anyFrame = fc.tuple(
    fc.integer({ min: 0, max: 11 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 9 }),
    fc.uint8Array({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 20 }), (frames) => {
      const { pair, server } = setUp((stream) => respond(stream, 'x'));
      for (const [type, flags, stream, payload] of frames) server.onData(frame(type, flags, stream, payload));
      pair.pump();
    }),
    { numRuns: 500 },
  );
});

test('malformed requests are reset and never reach the acceptor', () => {
  let calls = 0;
  const { server } = setUp(() => {
    calls += 1;
    return ignore;
  });
  const upper = Buffer.from([0x82, 0x84, 0x86, 0x41, 1, 0x61, 0x00, 1, 0x58, 1, 0x79]);
  const connection = Buffer.from([0x82, 0x84, 0x86, 0x41, 1, 0x61, 0x00, 10, ...Buffer.from('connection'), 1, 0x79]);
  const late = Buffer.from([0x82, 0x84, 0x00, 1, 0x78, 1, 0x79, 0x86]);
  const zero = Buffer.from([0x00, 14, ...Buffer.from('content-length'), 1, 0x30]);
  const lengths = Buffer.concat([Buffer.from([0x83, 0x84, 0x86, 0x41, 1, 0x61]), zero, zero]);
  [upper, connection, late, Buffer.from([0x82]), lengths].forEach((block, i) =>
    server.onData(frame(FRAME.HEADERS, 5, i * 2 + 1, block)),
  );
  assert.equal(calls, 0);
  assert.equal(server.closing, false);
});

test('204 says no length, whatever the application said', () => {
  const { pair, client } = setUp((stream) => {
    const headers = new HeaderBlock();
    headers.add('content-length', '5');
    stream.sendHead({ status: 204, headers }, true);
    return ignore;
  });
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/'), true);
  pair.pump();
  assert.equal(seen.head?.status, 204);
  assert.equal(seen.head?.headers.has('content-length'), false);
});

test('a smaller INITIAL_WINDOW_SIZE may make windows negative, and sending goes on when they are positive again', () => {
  let stream: ServerStream | undefined;
  const { pair, client, server } = setUp((s) => {
    stream = s;
    return ignore;
  });
  const { seen, handler } = collector();
  client.open(handler)?.sendHead(request('/'), true);
  pair.pump();
  const small = Buffer.alloc(6);
  small.writeUInt16BE(SETTING.INITIAL_WINDOW_SIZE, 0);
  small.writeUInt32BE(10, 2);
  server.onData(frame(FRAME.SETTINGS, 0, 0, small));
  stream?.sendHead({ status: 200, headers: new HeaderBlock() }, false);
  stream?.sendData(Buffer.alloc(100, 97), true);
  pair.pump();
  assert.equal(seen.body.length, 10);
  const more = Buffer.alloc(4);
  more.writeUInt32BE(1000);
  server.onData(frame(FRAME.WINDOW_UPDATE, 0, 1, more));
  pair.pump();
  assert.equal(seen.body.length, 100);
});
