// What is fuzzed: each codec in each role, and every way from one HTTP to the other, with what must hold of what comes out.
import { H1ClientConnection, H1ServerConnection } from '#wire/h1';
import { CLIENT_PREFACE, DEFAULT_H2_LIMITS, H2ClientConnection, H2ServerConnection } from '#wire/h2';
import { type ClientStream, type ClientStreamHandler, HeaderBlock, type RequestAcceptor } from '#wire/http';
import { FakeConn } from '../../src/wire/h1/fake-conn.testing.ts';
import { HpackDecoder } from '../../src/wire/h2/hpack-decode.ts';
import { HpackEncoder } from '../../src/wire/h2/hpack-encode.ts';
import { MemoryPair } from '../../src/wire/h2/memory-pair.fixture.ts';
import { checkRequest, checkResponse, must } from './check.ts';
import { answerer, forwarder, type Seen, type SeenResponse } from './forward.ts';
import { SEEDS } from './seeds.ts';

export interface Target {
  readonly name: string;
  /** Inputs are HTTP/2 frames. */
  readonly framed: boolean;
  readonly seeds: readonly Buffer[];
  /** Throws when something does not hold. */
  run(input: Buffer): Promise<void>;
}

const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
const observer = { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => {} };
const owner = { onReusable: () => {}, onGone: () => {} };

/** The first byte says in which pieces the rest arrives. */
function pieces(input: Buffer): Buffer[] {
  const size = [Number.POSITIVE_INFINITY, 1, 7, 64][(input[0] ?? 0) & 3] as number;
  const rest = input.subarray(1);
  const all: Buffer[] = [];
  for (let at = 0; at < rest.length; at += Math.min(size, rest.length))
    all.push(Buffer.from(rest.subarray(at, at + size)));
  return all;
}

function h1Server(conn: FakeConn, acceptor: RequestAcceptor): H1ServerConnection {
  const server = new H1ServerConnection(conn, acceptor, { secure: false, acceptHttp10: true });
  conn.handler = server;
  return server;
}

function h1Client(ups: FakeConn[]): (handler: ClientStreamHandler) => ClientStream {
  return (handler) => {
    const conn = new FakeConn();
    const client = new H1ClientConnection(conn, owner);
    conn.handler = client;
    ups.push(conn);
    return client.start(handler);
  };
}

function h2Pair(acceptor: RequestAcceptor): {
  pair: MemoryPair;
  client: H2ClientConnection;
  server: H2ServerConnection;
} {
  const pair = new MemoryPair();
  const options = { limits: DEFAULT_H2_LIMITS, defer: pair.defer };
  const server = new H2ServerConnection(pair.b, acceptor, { ...options, connectProtocol: true });
  pair.b.handler = server;
  const client = new H2ClientConnection(pair.a, observer, { ...options, concurrentMax: 1000 });
  pair.a.handler = client;
  pair.pump();
  return { pair, client, server };
}

/** Every request that left whole is answered, so that pipelined ones follow. */
async function answerAll(ups: readonly FakeConn[], log: readonly Seen[]): Promise<void> {
  for (let i = 0; i < ups.length && i < 100; i++) {
    await Promise.resolve();
    if (log[i]?.ended === true) ups[i]?.receive(OK);
    await Promise.resolve();
  }
}

async function h1ToH1(input: Buffer): Promise<void> {
  const [log, ups, down] = [[] as Seen[], [] as FakeConn[], new FakeConn()];
  h1Server(down, forwarder(h1Client(ups), log));
  for (const piece of pieces(input)) if (!down.destroyed) down.handler.onData(piece);
  await answerAll(ups, log);
  ups.forEach((up, i) => checkRequest(up.written, log[i] as Seen));
}

async function h2ToH1(input: Buffer): Promise<void> {
  const [log, ups] = [[] as Seen[], [] as FakeConn[]];
  const pair = new MemoryPair();
  const server = new H2ServerConnection(pair.b, forwarder(h1Client(ups), log), {
    limits: DEFAULT_H2_LIMITS,
    defer: pair.defer,
    connectProtocol: true,
  });
  pair.b.handler = server;
  server.onData(CLIENT_PREFACE);
  server.onData(SETTINGS);
  for (const piece of pieces(input)) if (!pair.b.destroyed) server.onData(piece);
  await answerAll(ups, log);
  pair.pump();
  must(server.streams.size <= DEFAULT_H2_LIMITS.concurrentStreamsMax, 'more streams than the limit');
  ups.forEach((up, i) => checkRequest(up.written, log[i] as Seen));
}

async function h1ToH2(input: Buffer): Promise<void> {
  const [log, arrived, down] = [[] as Seen[], [] as Seen[], new FakeConn()];
  const { pair, client, server } = h2Pair(answerer(arrived));
  h1Server(
    down,
    forwarder((handler) => client.open(handler), log),
  );
  for (const piece of pieces(input)) if (!down.destroyed) down.handler.onData(piece);
  pair.pump();
  await Promise.resolve();
  must(!server.closing && !client.closing, 'what HTTP/1.1 brought broke the HTTP/2 connection');
  const plain = log.filter((one) => one.head.method !== 'CONNECT' && one.head.protocol === '');
  // An upgrade is an extended CONNECT between the two, and its GET again behind them.
  const there = arrived.filter((one) => one.head.method !== 'CONNECT' && one.head.protocol === '');
  must(there.length === plain.length, `${there.length} requests arrived, ${plain.length} were sent`);
  plain.forEach((sent, i) => sameRequest(sent, there[i] as Seen));
}

function sameRequest(sent: Seen, arrived: Seen): void {
  must(sent.head.method === arrived.head.method, `method ${arrived.head.method}, came as ${sent.head.method}`);
  must(sent.head.path === arrived.head.path, `path ${arrived.head.path}, came as ${sent.head.path}`);
  must(
    sent.head.authority === arrived.head.authority,
    `authority ${arrived.head.authority}, came as ${sent.head.authority}`,
  );
  if (!sent.ended || sent.reset) return;
  must(Buffer.concat(sent.body).equals(Buffer.concat(arrived.body)), 'another body arrived than came');
  must(arrived.ended, 'the request ended and did not arrive whole');
}

function client(method: string): {
  readonly seen: SeenResponse;
  readonly handler: ClientStreamHandler;
  readonly method: string;
} {
  const seen: SeenResponse = { head: undefined, body: [], ended: false, reset: false };
  const handler: ClientStreamHandler = {
    onInformational: () => {},
    onHead: (head, end) => void ((seen.head = head), (seen.ended = end)),
    onData: (data, end) => void (seen.body.push(Buffer.from(data)), (seen.ended ||= end)),
    onTrailers: () => void (seen.ended = true),
    onDrain: () => {},
    onReset: () => void (seen.reset = true),
  };
  return { seen, handler, method };
}

/** Bits of the first byte that the pieces leave. */
function methodOf(input: Buffer): string {
  return ((input[0] ?? 0) & 4) === 0 ? 'GET' : 'HEAD';
}

async function h1ResponseToH2(input: Buffer): Promise<void> {
  const [log, ups, responses] = [[] as Seen[], [] as FakeConn[], [] as SeenResponse[]];
  const { pair, client: h2, server } = h2Pair(forwarder(h1Client(ups), log, responses));
  const { seen, handler, method } = client(methodOf(input));
  h2.open(handler)?.sendHead(
    { method, path: '/', authority: 'a', scheme: 'http', version: '2', protocol: '', headers: new HeaderBlock() },
    true,
  );
  pair.pump();
  await Promise.resolve();
  for (const piece of pieces(input)) if (ups[0]?.destroyed === false) ups[0].handler.onData(piece);
  if (ups[0]?.destroyed === false) ups[0].handler.onEnd();
  pair.pump();
  must(!server.closing && !h2.closing, 'what HTTP/1.1 answered broke the HTTP/2 connection');
  const sent = responses[0];
  if (sent?.head === undefined || sent.reset) return;
  must(
    seen.head?.status === sent.head.status || seen.reset,
    `status ${seen.head?.status}, came as ${sent.head.status}`,
  );
  if (!sent.ended || seen.reset) return;
  must(Buffer.concat(seen.body).equals(Buffer.concat(sent.body)), 'another body arrived than came');
  must(seen.ended, 'the response ended and did not arrive whole');
}

async function responseToH1(
  input: Buffer,
  start: (ups: FakeConn[]) => {
    readonly open: (handler: ClientStreamHandler) => ClientStream | undefined;
    feed(piece: Buffer): void;
    end(): void;
  },
): Promise<void> {
  const [log, ups, responses, down] = [[] as Seen[], [] as FakeConn[], [] as SeenResponse[], new FakeConn()];
  const { open, feed, end } = start(ups);
  h1Server(down, forwarder(open, log, responses));
  const method = methodOf(input);
  down.receive(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
  await Promise.resolve();
  for (const piece of pieces(input)) feed(piece);
  end();
  await Promise.resolve();
  await Promise.resolve();
  const [sent] = responses;
  if (sent !== undefined) checkResponse(down.written, sent, method === 'HEAD', down.ended || down.destroyed);
}

function h1ResponseToH1(input: Buffer): Promise<void> {
  return responseToH1(input, (ups) => ({
    open: h1Client(ups),
    feed: (piece) => void (ups[0]?.destroyed === false && ups[0].handler.onData(piece)),
    end: () => void (ups[0]?.destroyed === false && ups[0].handler.onEnd()),
  }));
}

function h2ResponseToH1(input: Buffer): Promise<void> {
  return responseToH1(input, () => {
    const pair = new MemoryPair();
    const h2 = new H2ClientConnection(pair.a, observer, {
      limits: DEFAULT_H2_LIMITS,
      defer: pair.defer,
      concurrentMax: 10,
    });
    pair.a.handler = h2;
    h2.onData(SETTINGS);
    return {
      open: (handler) => h2.open(handler),
      feed: (piece) => void (pair.a.destroyed || h2.onData(piece)),
      end: () => pair.a.destroy(),
    };
  });
}

async function hpack(input: Buffer): Promise<void> {
  const limits = { bytesMax: 65_536, countMax: 1_000 };
  const fields: string[] = [];
  if (new HpackDecoder().decode(input, fields, limits) !== 'ok') return;
  const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder()];
  for (let round = 0; round < 2; round++) {
    let bound = 64;
    for (let i = 0; i < fields.length; i += 2)
      bound += HpackEncoder.bound(fields[i] as string, fields[i + 1] as string);
    const block = Buffer.alloc(bound);
    let at = encoder.begin(block, 0);
    for (let i = 0; i < fields.length; i += 2)
      at = encoder.field(block, at, fields[i] as string, fields[i + 1] as string);
    const again: string[] = [];
    decoder.decode(block.subarray(0, at), again, { bytesMax: 1 << 20, countMax: 10_000 });
    must(again.join('\0') === fields.join('\0'), 'fields change on their way through HPACK');
  }
}

/** Refusals by HPACK are errors of their own class: they end a connection, not the program. */
async function hpackInput(input: Buffer): Promise<void> {
  try {
    await hpack(input);
  } catch (error) {
    if ((error as Error).constructor.name !== 'ConnectionError') throw error;
  }
}

export const TARGETS: readonly Target[] = [
  { name: 'h1-request-to-h1', framed: false, seeds: SEEDS.requests, run: h1ToH1 },
  { name: 'h1-request-to-h2', framed: false, seeds: SEEDS.requests, run: h1ToH2 },
  { name: 'h2-request-to-h1', framed: true, seeds: SEEDS.h2Requests, run: h2ToH1 },
  { name: 'h1-response-to-h1', framed: false, seeds: SEEDS.responses, run: h1ResponseToH1 },
  { name: 'h1-response-to-h2', framed: false, seeds: SEEDS.responses, run: h1ResponseToH2 },
  { name: 'h2-response-to-h1', framed: true, seeds: SEEDS.h2Responses, run: h2ResponseToH1 },
  { name: 'hpack', framed: false, seeds: SEEDS.hpack, run: hpackInput },
];
