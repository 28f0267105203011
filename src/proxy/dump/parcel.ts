// A dump's resources on their way to the process that renders them: frames of a head (JSON) and bytes that are not
// looked at. A frame is the head's length, the bytes' length (four bytes each, little endian), the head, the bytes; a
// head of no length ends the parcel. Whoever packs pulls piece by piece, and may rest between any two.

import { type DumpOrder, isOrdered, kindsOf, showsBootstrap } from './dump-order.ts';
import type { DumpedKind, DumpedResource, DumpView } from './dump-view.ts';

/** Both ends are of one build, except when the program's files were replaced under a process that runs. */
const PROTOCOL = 1;
const PREFIX = 8;
/** A piece has so many bytes at most, but for a resource's own, which are not copied. */
const PIECE_BYTES = 65_536;
/** Bytes of this size and more are handed on as they are. */
const OWN_PIECE_BYTES = 16_384;
/** After so many resources comes an empty piece, if no other, so that the time can be looked at: 0.1 ms or so. */
const REST_RESOURCES = 16;
const REST = new Uint8Array(0);

interface OrderHead {
  readonly protocol: number;
  readonly query: string;
}
interface BootstrapHead {
  readonly bootstrapWallMs: number;
}
type ResourceHead = Omit<DumpedResource, 'bytes' | 'virtualHosts'> & {
  readonly kind: DumpedKind;
  /** Lengths of what follows the resource's own bytes. */
  readonly hosts?: readonly number[];
};

/** Of `view` only what `order`, which is `query` read, shows. */
export function* packDump(view: DumpView, query: URLSearchParams, order: DumpOrder): Generator<Uint8Array> {
  const pieces = new Pieces();
  yield* pieces.frame({ protocol: PROTOCOL, query: query.toString() } satisfies OrderHead, []);
  if (showsBootstrap(order)) {
    const { bytes, updatedWallMs } = view.bootstrap();
    yield* pieces.frame({ bootstrapWallMs: updatedWallMs } satisfies BootstrapHead, [bytes]);
  }
  for (const kind of kindsOf(order)) {
    let seen = 0;
    for (const resource of view.resources(kind)) {
      if (++seen % REST_RESOURCES === 0) yield REST;
      if (!isOrdered(order, resource)) continue;
      const { bytes, virtualHosts: hosts = [], ...rest } = resource;
      const head: ResourceHead = { kind, ...rest, ...(hosts.length > 0 ? { hosts: hosts.map((h) => h.length) } : {}) };
      yield* pieces.frame(head, [bytes, ...hosts]);
    }
  }
  yield* pieces.frame(undefined, []);
  yield pieces.take();
}

/** Gathers small frames. */
class Pieces {
  #buffer = Buffer.alloc(0);
  #used = 0;

  take(): Uint8Array {
    const piece = this.#buffer.subarray(0, this.#used);
    this.#buffer = this.#buffer.subarray(this.#used);
    this.#used = 0;
    return piece;
  }

  *frame(head: object | undefined, parts: readonly Uint8Array[]): Generator<Uint8Array> {
    const text = Buffer.from(head === undefined ? '' : JSON.stringify(head));
    const prefix = Buffer.alloc(PREFIX);
    prefix.writeUInt32LE(text.length, 0);
    prefix.writeUInt32LE(
      parts.reduce((sum, part) => sum + part.length, 0),
      4,
    );
    for (const part of [prefix, text, ...parts]) yield* this.#add(part);
  }

  *#add(bytes: Uint8Array): Generator<Uint8Array> {
    const isOwn = bytes.length >= OWN_PIECE_BYTES;
    if (this.#used > 0 && (isOwn || this.#used + bytes.length > this.#buffer.length)) yield this.take();
    if (isOwn) return yield bytes;
    // What was handed out is not written to again: it may still be on its way.
    if (bytes.length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }
}

/** What a parcel brought: the view that the page is rendered of. */
export interface DumpParcel {
  readonly query: URLSearchParams;
  readonly view: DumpView;
}

/** Puts a parcel together again, however its bytes were cut. */
export class ParcelReader {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #needed = PREFIX;
  #query: URLSearchParams | undefined;
  #bootstrap: ReturnType<DumpView['bootstrap']> = { bytes: new Uint8Array(0), updatedWallMs: 0 };
  readonly #resources = new Map<DumpedKind, DumpedResource[]>();

  /** The parcel with its last bytes, until then undefined. Throws an Error on what is none. */
  push(chunk: Uint8Array): DumpParcel | undefined {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= this.#needed) {
      const held = Buffer.concat(this.#chunks);
      let at = 0;
      for (;;) {
        this.#needed = PREFIX;
        if (held.length - at < PREFIX) break;
        const headEnd = at + PREFIX + held.readUInt32LE(at);
        if (headEnd === at + PREFIX) return this.#parcel();
        const end = headEnd + held.readUInt32LE(at + 4);
        this.#needed = end - at;
        if (held.length < end) break;
        this.#take(held.toString('utf8', at + PREFIX, headEnd), held.subarray(headEnd, end));
        at = end;
      }
      this.#chunks = [held.subarray(at)];
      this.#held = held.length - at;
    }
    return undefined;
  }

  #take(text: string, bytes: Uint8Array): void {
    const head = JSON.parse(text) as OrderHead | BootstrapHead | ResourceHead;
    if ('protocol' in head) {
      if (head.protocol !== PROTOCOL) throw new Error(`a parcel of another build (${head.protocol})`);
      this.#query = new URLSearchParams(head.query);
      return;
    }
    if ('bootstrapWallMs' in head) {
      this.#bootstrap = { bytes, updatedWallMs: head.bootstrapWallMs };
      return;
    }
    const { kind, hosts = [], ...rest } = head;
    let at = bytes.length - hosts.reduce((sum, length) => sum + length, 0);
    const own = bytes.subarray(0, at);
    const virtualHosts = hosts.map((length) => bytes.subarray(at, (at += length)));
    const list = this.#resources.get(kind) ?? [];
    this.#resources.set(kind, list);
    list.push({ ...rest, bytes: own, ...(virtualHosts.length > 0 ? { virtualHosts } : {}) });
  }

  #parcel(): DumpParcel {
    const query = this.#query;
    if (query === undefined) throw new Error('a parcel without an order');
    const bootstrap = this.#bootstrap;
    return {
      query,
      view: { bootstrap: () => bootstrap, resources: (kind) => this.#resources.get(kind) ?? [] },
    };
  }
}
