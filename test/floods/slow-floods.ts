// Floods that hold things: slow heads, slow bodies, responses that nobody reads, connections that say nothing.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FloodBed } from './bed.ts';
import type { Flood, FloodEnd } from './flood.ts';
import { END_HEADERS, END_STREAM, frame, PREFACE, RawH2, requestBlock, setting, TYPE } from './raw-h2.ts';

interface Held {
  readonly socket: Socket;
  closed: boolean;
  text: string;
}

async function sockets(bed: FloodBed, count: number, first: Uint8Array | string): Promise<Held[]> {
  const all: Held[] = [];
  for (let i = 0; i < count; i++) {
    const held: Held = { socket: connect(bed.port, '127.0.0.1'), closed: false, text: '' };
    held.socket.on('error', () => {});
    held.socket.on('data', (data) => void (held.text = (held.text + data.toString('latin1')).slice(0, 200)));
    held.socket.on('close', () => void (held.closed = true));
    all.push(held);
    if (first.length > 0) held.socket.write(first);
    if (i % 100 === 99) await once(held.socket, 'connect');
  }
  return all;
}

/** Sends a drop on each, until all are closed. */
async function drip(
  all: readonly Held[],
  drop: (i: number) => Uint8Array | string | undefined,
  limitMs: number,
): Promise<FloodEnd> {
  const end = performance.now() + limitMs + 4000;
  while (performance.now() < end && all.some((one) => !one.closed)) {
    all.forEach((one, i) => {
      const bytes = one.closed ? undefined : drop(i);
      if (bytes !== undefined) one.socket.write(bytes);
    });
    await sleep(100);
  }
  const left = all.filter((one) => !one.closed).length;
  for (const one of all) one.socket.destroy();
  return { cut: left === 0, note: left === 0 ? '' : `${left} of ${all.length} are still open` };
}

const HEAD = 'GET /small HTTP/1.1\r\nhost: a\r\n';

export const SLOW_FLOODS: readonly Flood[] = [
  {
    name: 'slow heads, HTTP/1.1 (slowloris)',
    counters: ['http.flood.downstream_rq_header_timeout'],
    run: async (bed, limitMs) => await drip(await sockets(bed, 300, HEAD), () => 'x: y\r\n', limitMs),
  },
  {
    name: 'slow heads on connections that served a request, HTTP/1.1',
    counters: ['http.flood.downstream_rq_header_timeout'],
    run: async (bed, limitMs) => await drip(await sockets(bed, 300, `${HEAD}\r\n${HEAD}`), () => 'x: y\r\n', limitMs),
  },
  {
    name: 'slow heads, HTTP/2',
    counters: ['http.flood.downstream_rq_header_timeout'],
    run: async (bed, limitMs) => {
      const opening = Buffer.concat([
        PREFACE,
        frame(TYPE.SETTINGS, 0, 0),
        frame(TYPE.HEADERS, END_STREAM, 1, requestBlock('GET', '/small')),
      ]);
      return await drip(await sockets(bed, 300, opening), () => undefined, limitMs);
    },
  },
  {
    name: 'half a preface',
    counters: ['http.flood.downstream_rq_header_timeout', 'http.flood.downstream_cx_idle_timeout'],
    run: async (bed, limitMs) => await drip(await sockets(bed, 300, PREFACE.subarray(0, 10)), () => undefined, limitMs),
  },
  {
    name: 'slow bodies, HTTP/1.1',
    // Where this side stands still for a moment nothing moves: then that is what is told of.
    counters: ['http.flood.downstream_rq_timeout', 'http.flood.downstream_rq_idle_timeout'],
    run: async (bed, limitMs) =>
      await drip(
        await sockets(bed, 300, 'POST /small HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n'),
        () => 'x',
        limitMs,
      ),
  },
  {
    name: 'slow bodies, HTTP/2',
    counters: ['http.flood.downstream_rq_timeout', 'http.flood.downstream_rq_idle_timeout'],
    async run(bed, limitMs) {
      const peer = await RawH2.connect(bed.port);
      peer.keep = true;
      const ids = Array.from({ length: 200 }, () => peer.id());
      peer.send(Buffer.concat(ids.map((id) => frame(TYPE.HEADERS, END_HEADERS, id, requestBlock('POST', '/small')))));
      const ended = (): number =>
        new Set(
          peer.frames
            .filter((f) => (f.type === TYPE.HEADERS && f.id > 0) || f.type === TYPE.RST_STREAM)
            .map((f) => f.id),
        ).size;
      for (
        const end = performance.now() + limitMs + 4000;
        performance.now() < end && ended() < ids.length && !peer.closed;
        await sleep(200)
      ) {
        peer.send(Buffer.concat(ids.map((id) => frame(TYPE.DATA, 0, id, Buffer.from('x')))));
      }
      const answered = ended();
      peer.destroy();
      return { cut: answered === ids.length || peer.closed, note: `${answered} of ${ids.length} answered` };
    },
  },
  {
    name: 'responses that nobody reads, HTTP/1.1',
    // The kernel's buffers may hold all of a response: then the connection is idle.
    counters: ['http.flood.downstream_rq_idle_timeout', 'http.flood.downstream_cx_idle_timeout'],
    async run(bed, limitMs) {
      const all = await sockets(bed, 100, 'GET /big HTTP/1.1\r\nhost: a\r\n\r\n');
      for (const one of all) one.socket.pause();
      await sleep(3000);
      // Reading again shows the end.
      for (const one of all) one.socket.resume();
      return await drip(all, () => undefined, limitMs);
    },
  },
  {
    name: 'responses that nobody reads, HTTP/2 with windows of zero',
    counters: ['http.flood.downstream_rq_idle_timeout', 'http2.tx_flush_timeout'],
    run: (bed, limitMs) => zeroWindow(bed, '/big', 200, limitMs),
  },
  {
    name: 'short responses that nobody reads, HTTP/2 with windows of zero',
    counters: ['http2.tx_flush_timeout'],
    run: (bed, limitMs) => zeroWindow(bed, '/small', 1_000, limitMs),
  },
  {
    name: 'pipelined requests whose answers nobody reads, HTTP/1.1',
    counters: ['http2.tx_flush_timeout', 'http.flood.downstream_cx_idle_timeout'],
    run: (bed, limitMs) => pourUnread(bed, limitMs, () => PIPELINED),
  },
  {
    name: 'streams whose answers nobody reads, HTTP/2',
    counters: ['http2.outbound_flood', 'http2.inbound_reset_flood', 'http2.tx_flush_timeout'],
    run(bed, limitMs) {
      let id = -1;
      const next = (): Buffer =>
        frame(TYPE.HEADERS, END_HEADERS | END_STREAM, (id += 2), requestBlock('GET', '/heads'));
      const first = Buffer.concat([PREFACE, frame(TYPE.SETTINGS, 0, 0)]);
      // Slowly: more than may be under way are another flood.
      return pourUnread(bed, limitMs, () => Buffer.concat(Array.from({ length: 10 }, next)), first);
    },
  },
  {
    name: 'connections that say nothing',
    counters: ['http.flood.downstream_cx_idle_timeout'],
    run: async (bed, limitMs) => await drip(await sockets(bed, 1_000, ''), () => undefined, limitMs),
  },
  {
    name: 'connections that say nothing after HTTP/2 began',
    counters: ['http.flood.downstream_cx_idle_timeout'],
    run: async (bed, limitMs) =>
      await drip(
        await sockets(bed, 1_000, Buffer.concat([PREFACE, frame(TYPE.SETTINGS, 0, 0)])),
        () => undefined,
        limitMs,
      ),
  },
  {
    name: 'heads that are too large, HTTP/1.1',
    counters: ['http.flood.downstream_cx_protocol_error'],
    run: async (bed, limitMs) =>
      await drip(await sockets(bed, 100, `${HEAD}x: ${'y'.repeat(70_000)}\r\n\r\n`), () => undefined, limitMs),
  },
  {
    name: 'heads of too many fields, HTTP/1.1',
    counters: ['http.flood.downstream_cx_protocol_error'],
    run: async (bed, limitMs) =>
      await drip(await sockets(bed, 100, `${HEAD}${'x: y\r\n'.repeat(5_000)}\r\n`), () => undefined, limitMs),
  },
];

const PIPELINED = Buffer.from('GET /heads HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(100));

/** Connections that ask on and on, and read nothing. */
async function pourUnread(
  bed: FloodBed,
  limitMs: number,
  next: () => Buffer,
  first = Buffer.alloc(0),
): Promise<FloodEnd> {
  const all = await sockets(bed, 1, first);
  const [held] = all as [Held];
  held.socket.pause();
  const end = performance.now() + limitMs;
  while (!held.closed && performance.now() < end) {
    if (held.socket.writableLength < 1 << 20) held.socket.write(next());
    await sleep(20);
  }
  return await drip(all, () => undefined, limitMs);
}

async function zeroWindow(bed: FloodBed, path: string, count: number, limitMs: number): Promise<FloodEnd> {
  const peer = await RawH2.connect(bed.port, [setting(4, 0)]);
  peer.keep = true;
  peer.send(
    Buffer.concat(
      Array.from({ length: count }, () =>
        frame(TYPE.HEADERS, END_HEADERS | END_STREAM, peer.id(), requestBlock('GET', path)),
      ),
    ),
  );
  const over = (): number => peer.frames.filter((f) => f.type === TYPE.RST_STREAM).length;
  for (const end = performance.now() + limitMs + 4000; performance.now() < end && over() < count && !peer.closed; )
    await sleep(50);
  const reset = over();
  const { closed } = peer;
  peer.destroy();
  return { cut: closed || reset >= count, note: `${reset} of ${count} streams reset` };
}
