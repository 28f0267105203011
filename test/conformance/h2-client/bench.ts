// A server made of bare frames on one side, our client codec on the other: what the client does with what it is sent.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnHandler } from '#base';
import { SystemNet } from '#io';
import { DEFAULT_H2_LIMITS, H2ClientConnection } from '#wire/h2';
import { type ClientStream, type ClientStreamHandler, HeaderBlock } from '#wire/http';
import { ACK, END_STREAM, type Frame, frame, PREFACE, TYPE } from '../../floods/raw-h2.ts';

export const SETTINGS: Buffer = frame(TYPE.SETTINGS, 0, 0);

/** What the client's request saw. */
export interface Told {
  status: number;
  informational: number[];
  bytes: number;
  trailers: HeaderBlock | undefined;
  ended: boolean;
  reset: string;
  processed: boolean | undefined;
}

export interface Case {
  readonly section: string;
  readonly what: string;
  /** Sent in answer to the first request; SETTINGS went before unless `bare`. */
  readonly send: Buffer;
  readonly bare?: boolean;
  /** The request is a POST whose body does not end. */
  readonly upload?: boolean;
  readonly method?: string;
  /** Nothing is read for a while. */
  readonly paused?: boolean;
  /** Error codes of a GOAWAY, or of a RST_STREAM, of which one must come; or nothing wrong at all. */
  readonly goaway?: readonly number[];
  readonly reset?: readonly number[];
  /** The response arrives whole and the connection lives. */
  readonly fine?: boolean;
  readonly also?: (told: Told, frames: readonly Frame[], client: H2ClientConnection) => void;
}

export interface Seen {
  readonly told: Told;
  readonly goaway: number | undefined;
  readonly reset: number | undefined;
  /** A PING was answered at the end. */
  readonly alive: boolean;
  readonly frames: readonly Frame[];
  readonly client: H2ClientConnection;
}

const LAST_PING = Buffer.from('lastping');

export async function play(one: Case): Promise<Seen> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { client, stream, told, closed } = await open(server, one);
  const [socket] = await accepted;
  const frames: Frame[] = [];
  const asked = collect(socket, frames);
  if (one.bare !== true) socket.write(SETTINGS);
  await asked;
  if (one.paused === true) stream.pause();
  socket.write(one.send);
  socket.write(frame(TYPE.PING, 0, 0, LAST_PING));
  const over = (): boolean =>
    closed() || socketEnded(socket) || frames.some((f) => f.type === TYPE.PING && f.payload.equals(LAST_PING));
  for (const end = performance.now() + 120_000; !over() && performance.now() < end; ) await sleep(2);
  await sleep(5);
  const seen: Seen = {
    told,
    goaway: frames.find((f) => f.type === TYPE.GOAWAY)?.payload.readUInt32BE(4),
    reset: frames.find((f) => f.type === TYPE.RST_STREAM && f.id === 1)?.payload.readUInt32BE(0),
    alive: frames.some((f) => f.type === TYPE.PING && (f.flags & ACK) !== 0 && f.payload.equals(LAST_PING)),
    frames,
    client,
  };
  socket.destroy();
  client.conn.destroy();
  server.close();
  return seen;
}

function socketEnded(socket: Socket): boolean {
  return socket.destroyed || socket.readableEnded;
}

async function open(
  server: { address(): unknown },
  one: Case,
): Promise<{ client: H2ClientConnection; stream: ClientStream; told: Told; closed: () => boolean }> {
  const told: Told = {
    status: 0,
    informational: [],
    bytes: 0,
    trailers: undefined,
    ended: false,
    reset: '',
    processed: undefined,
  };
  const { port } = server.address() as { port: number };
  let gone = false;
  const client = await new Promise<H2ClientConnection>((resolve, reject) => {
    const handler: ConnHandler = {
      onConnected() {
        const made = new H2ClientConnection(
          conn,
          { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => void (gone = true) },
          { limits: DEFAULT_H2_LIMITS, defer: queueMicrotask, concurrentMax: 100 },
        );
        conn.handler = made;
        resolve(made);
      },
      onData: () => {},
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => reject(new Error('no connection')),
    };
    const conn = new SystemNet().connect({ host: '127.0.0.1', port, timeoutMs: 60_000 }, handler);
  });
  const handler: ClientStreamHandler = {
    onInformational: (status) => void told.informational.push(status),
    onHead: (head, end) => void ((told.status = head.status), (told.ended = end)),
    onData: (data, end) => void ((told.bytes += data.length), (told.ended = end)),
    onTrailers: (trailers) => void ((told.trailers = trailers), (told.ended = true)),
    onDrain: () => {},
    onReset: (reason, _detail, processed) => void ((told.reset = reason), (told.processed = processed)),
  };
  const stream = client.open(handler) as ClientStream;
  const method = one.method ?? (one.upload === true ? 'POST' : 'GET');
  stream.sendHead(
    {
      method,
      path: method === 'CONNECT' ? '' : '/',
      authority: 'a',
      scheme: 'http',
      version: '2',
      protocol: '',
      headers: new HeaderBlock(),
    },
    one.upload !== true,
  );
  if (one.upload === true) stream.sendData(Buffer.from('0123456789'), false);
  return { client, stream, told, closed: () => gone };
}

/** Resolves once the request is there. */
function collect(socket: Socket, frames: Frame[]): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  let preface = PREFACE.length;
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      if (preface > 0 && rest.length >= preface) {
        rest = rest.subarray(preface);
        preface = 0;
      }
      while (preface === 0 && rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const end = 9 + rest.readUIntBE(0, 3);
        frames.push({
          type: rest[3] as number,
          flags: rest[4] as number,
          id: rest.readUInt32BE(5),
          payload: rest.subarray(9, end),
        });
        rest = rest.subarray(end);
        if (frames.at(-1)?.type === TYPE.HEADERS) resolve();
      }
    });
  });
}

/** A response head with these fields behind `:status: 200`. */
export function head(id: number, flags: number, block: Buffer): Buffer {
  return frame(TYPE.HEADERS, flags, id, block);
}

export function data(id: number, text: string | Buffer, end = false): Buffer {
  return frame(TYPE.DATA, end ? END_STREAM : 0, id, Buffer.from(text));
}
