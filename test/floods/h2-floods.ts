// Floods that HTTP/2 makes possible: work for the server that moves no request (RFC 9113 §10.5 and the CVEs named below).
import type { FloodBed } from './bed.ts';
import type { Flood, FloodEnd } from './flood.ts';
import { END_HEADERS, END_STREAM, RawH2, TYPE, frame, literal, requestBlock, setting, u32 } from './raw-h2.ts';

const CALM = 11;
const EMPTY = Buffer.alloc(0);
const GET = requestBlock('GET', '/small');
const POST = requestBlock('POST', '/small');

function open(peer: RawH2, block: Buffer, flags: number): { readonly id: number; readonly bytes: Buffer } {
  const id = peer.id();
  return { id, bytes: frame(TYPE.HEADERS, flags, id, block) };
}

/** One connection that sends `next` again and again. */
async function pour(
  bed: FloodBed,
  limitMs: number,
  settings: readonly Buffer[],
  next: (peer: RawH2) => Uint8Array,
  first?: (peer: RawH2) => void,
): Promise<FloodEnd> {
  const peer = await RawH2.connect(bed.busyPort, settings);
  first?.(peer);
  const cut = await peer.pour(() => next(peer), limitMs);
  peer.destroy();
  return { cut, goaway: peer.goaway, note: peer.goawayText };
}

function batch(count: number, make: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}

export const H2_FLOODS: readonly Flood[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    goaway: CALM,
    counters: ['http2.inbound_reset_flood'],
    run: (bed, limitMs) =>
      pour(bed, limitMs, [], (peer) =>
        batch(50, () => {
          const { id, bytes } = open(peer, GET, END_HEADERS | END_STREAM);
          return Buffer.concat([bytes, frame(TYPE.RST_STREAM, 0, id, u32(8))]);
        }),
      ),
  },
  {
    name: 'made-you-reset (CVE-2025-8671)',
    goaway: CALM,
    counters: ['http2.inbound_reset_flood'],
    run: (bed, limitMs) =>
      pour(bed, limitMs, [], (peer) =>
        batch(50, () => {
          const { id, bytes } = open(peer, POST, END_HEADERS);
          return Buffer.concat([bytes, frame(TYPE.WINDOW_UPDATE, 0, id, u32(0))]);
        }),
      ),
  },
  {
    name: 'malformed requests without end',
    goaway: CALM,
    counters: ['http2.inbound_reset_flood'],
    run: (bed, limitMs) =>
      pour(bed, limitMs, [], (peer) => batch(50, () => open(peer, EMPTY, END_HEADERS | END_STREAM).bytes)),
  },
  {
    name: 'streams above the announced limit',
    goaway: CALM,
    counters: ['http2.inbound_reset_flood'],
    run: (bed, limitMs) => pour(bed, limitMs, [], (peer) => batch(200, () => open(peer, POST, END_HEADERS).bytes)),
  },
  {
    name: 'CONTINUATION, small ones (CVE-2024-27316)',
    goaway: CALM,
    counters: ['http2.header_overflow'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [],
        () => batch(50, () => frame(TYPE.CONTINUATION, 0, 1, Buffer.from([0x82]))),
        (peer) => peer.send(frame(TYPE.HEADERS, END_STREAM, peer.id(), GET)),
      ),
  },
  {
    name: 'CONTINUATION, large ones',
    goaway: CALM,
    counters: ['http2.header_overflow'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [],
        () => frame(TYPE.CONTINUATION, 0, 1, Buffer.alloc(16_000, 0x82)),
        (peer) => peer.send(frame(TYPE.HEADERS, END_STREAM, peer.id(), GET)),
      ),
  },
  {
    name: 'SETTINGS (CVE-2019-9515)',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) => pour(bed, limitMs, [], () => batch(100, () => frame(TYPE.SETTINGS, 0, 0))),
  },
  {
    name: 'SETTINGS that move a thousand windows two thousand times',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [],
        () =>
          frame(
            TYPE.SETTINGS,
            0,
            0,
            batch(2_700, (i) => setting(4, i % 2 === 0 ? 1 : 65_535)),
          ),
        (peer) => peer.send(batch(1_000, () => open(peer, POST, END_HEADERS).bytes)),
      ),
  },
  {
    name: 'PING (CVE-2019-9512)',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) => pour(bed, limitMs, [], () => batch(100, () => frame(TYPE.PING, 0, 0, Buffer.alloc(8)))),
  },
  {
    // Whoever does not read sees no GOAWAY.
    name: 'PING between body bytes, answers unread',
    // On a slow machine the request's time is up first: what follows it is a flood as well.
    counters: ['http2.outbound_control_flood', 'http2.inbound_control_frames_flood'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [setting(4, 0x7fff_ffff)],
        () =>
          batch(500, () =>
            Buffer.concat([frame(TYPE.DATA, 0, 1, Buffer.from('x')), frame(TYPE.PING, 0, 0, Buffer.alloc(8))]),
          ),
        (peer) => {
          peer.send(open(peer, requestBlock('POST', '/never'), END_HEADERS).bytes);
          peer.socket.pause();
        },
      ),
  },
  {
    name: 'empty DATA (CVE-2019-9518)',
    goaway: CALM,
    counters: ['http2.inbound_empty_frames_flood'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [],
        () => batch(50, () => frame(TYPE.DATA, 0, 1)),
        (peer) => peer.send(open(peer, POST, END_HEADERS).bytes),
      ),
  },
  {
    name: 'PRIORITY (CVE-2019-9513)',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) =>
      pour(bed, limitMs, [], () =>
        batch(100, (i) => frame(TYPE.PRIORITY, 0, 1 + 2 * i, Buffer.concat([u32(0), Buffer.from([i])]))),
      ),
  },
  {
    name: 'frames of unknown types',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) => pour(bed, limitMs, [], () => batch(100, (i) => frame(0x20 + (i % 100), 0, 0, EMPTY))),
  },
  {
    name: 'WINDOW_UPDATE without traffic',
    goaway: CALM,
    counters: ['http2.inbound_control_frames_flood'],
    run: (bed, limitMs) => pour(bed, limitMs, [], () => batch(100, () => frame(TYPE.WINDOW_UPDATE, 0, 0, u32(1)))),
  },
  {
    name: 'a response drawn byte by byte (CVE-2019-9511)',
    goaway: CALM,
    counters: ['http2.inbound_window_update_frames_flood', 'http2.inbound_control_frames_flood'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [setting(4, 1)],
        () => batch(100, () => frame(TYPE.WINDOW_UPDATE, 0, 1, u32(1))),
        (peer) => peer.send(open(peer, requestBlock('GET', '/big'), END_HEADERS | END_STREAM).bytes),
      ),
  },
  {
    name: 'a window over 2^31-1',
    goaway: 3,
    counters: ['http2.protocol_errors'],
    run: (bed, limitMs) => pour(bed, limitMs, [], () => frame(TYPE.WINDOW_UPDATE, 0, 0, u32(0x7fff_ffff))),
  },
  {
    name: 'HPACK bomb (CVE-2016-6581)',
    goaway: CALM,
    counters: ['http2.header_overflow'],
    async run(bed, limitMs) {
      // A field of 4,000 bytes enters the table and is named 16,000 times per request.
      const value = 'x'.repeat(3_900);
      const insert = Buffer.concat([Buffer.from([0x40]), literal('b', value).subarray(1)]);
      const bomb = Buffer.concat([requestBlock('GET', '/small'), insert, Buffer.alloc(12_000, 0x80 | 62)]);
      return await pour(bed, limitMs, [], (peer) => open(peer, bomb, END_HEADERS | END_STREAM).bytes);
    },
  },
  {
    name: 'a header list of too many fields',
    goaway: CALM,
    counters: ['http2.header_overflow'],
    run: (bed, limitMs) =>
      pour(
        bed,
        limitMs,
        [],
        (peer) => open(peer, Buffer.concat([GET, Buffer.alloc(5_000, 0x80 | 19)]), END_HEADERS | END_STREAM).bytes,
      ),
  },
];
