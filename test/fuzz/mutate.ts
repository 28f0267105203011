// Changes an input a little, or crosses it with another: bytes, tokens of HTTP/1.1, whole frames of HTTP/2.
import type { Random } from '#base';

const TOKENS: readonly Buffer[] = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '0\r\n\r\n',
    ':',
    ' ',
    '\t',
    '\0',
    ';',
    ',',
    '"',
    '5\r\nhello\r\n',
    'ffffffff\r\n',
  ],
  ...[
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\n',
    'HTTP/1.0',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: x\r\n',
    'Connection: close\r\n',
  ],
  ...[
    'Connection: upgrade\r\nUpgrade: websocket\r\n',
    'Host: b\r\n',
    'TE: trailers\r\n',
    'Trailer: x\r\n',
    'Expect: 100-continue\r\n',
    'CONNECT a:1 ',
  ],
  ...[
    'HTTP/1.1 204 No Content\r\n',
    'HTTP/1.1 304 Not Modified\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n',
    'OPTIONS * ',
    'http://a/',
  ],
].map((text) => Buffer.from(text, 'latin1'));

const FRAME_HEADS: readonly Buffer[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((type) =>
  Buffer.from([0, 0, 4, type, 0, 0, 0, 0, 1]),
);

export function mutate(input: Buffer, other: Buffer, random: Random, framed: boolean): Buffer {
  let bytes = input;
  const rounds = 1 + (random.uint32() % 6);
  for (let i = 0; i < rounds; i++)
    bytes = framed && random.float() < 0.6 ? mutateFrames(bytes, other, random) : mutateBytes(bytes, other, random);
  return bytes.length > 4096 ? bytes.subarray(0, 4096) : bytes;
}

function below(random: Random, bound: number): number {
  return bound <= 0 ? 0 : random.uint32() % bound;
}

function mutateBytes(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = below(random, bytes.length + 1);
  const length = below(random, Math.min(32, bytes.length - at) + 1);
  switch (random.uint32() % 8) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << below(random, 8));
      return copy;
    }
    case 1: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random.uint32() & 0xff;
      return copy;
    }
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([
        bytes.subarray(0, at + length),
        bytes.subarray(at, at + length),
        bytes.subarray(at + length),
      ]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), TOKENS[below(random, TOKENS.length)] as Buffer, bytes.subarray(at)]);
    case 5:
      return Buffer.concat([
        bytes.subarray(0, at),
        TOKENS[below(random, TOKENS.length)] as Buffer,
        bytes.subarray(at + length),
      ]);
    case 6: {
      const from = below(random, other.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + below(random, 64)), bytes.subarray(at)]);
    }
    default: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] as number) + below(random, 7) - 3;
      return copy;
    }
  }
}

/** Cuts at frame limits; what is no whole frame is one piece. */
export function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 9 <= bytes.length ? bytes.readUIntBE(at, 3) : bytes.length;
    const end = Math.min(bytes.length, at + 9 + length);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

function mutateFrames(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const frames = framesOf(bytes);
  const at = below(random, frames.length);
  const one = frames[at] ?? Buffer.alloc(0);
  switch (random.uint32() % 8) {
    case 0:
      frames.splice(at, 1);
      break;
    case 1:
      frames.splice(at, 0, one);
      break;
    case 2: {
      const to = below(random, frames.length);
      frames.splice(at, 1);
      frames.splice(to, 0, one);
      break;
    }
    case 3: {
      const theirs = framesOf(other);
      frames.splice(at, 0, theirs[below(random, theirs.length)] ?? Buffer.alloc(0));
      break;
    }
    case 4:
      frames.splice(
        at,
        0,
        Buffer.concat([
          FRAME_HEADS[below(random, FRAME_HEADS.length)] as Buffer,
          Buffer.from([0, 0, 0, below(random, 256)]),
        ]),
      );
      break;
    case 5:
      if (one.length >= 9)
        frames[at] = withByte(one, 4, [0, 1, 4, 5, 8, 9, 13, 32, 37, 255][below(random, 10)] as number);
      break;
    case 6:
      if (one.length >= 9) frames[at] = withByte(one, 8, [0, 1, 3, 5, 7, 2, 9][below(random, 7)] as number);
      break;
    default:
      if (one.length >= 9)
        frames[at] = resized(one.subarray(0, 9), mutateBytes(Buffer.from(one.subarray(9)), other, random));
  }
  return Buffer.concat(frames);
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

function resized(head: Buffer, payload: Buffer): Buffer {
  const bytes = Buffer.concat([head, payload]);
  bytes.writeUIntBE(Math.min(payload.length, 0xff_ffff), 0, 3);
  return bytes;
}
