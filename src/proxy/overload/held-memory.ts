// Who holds memory of this proxy for bodies that wait, and who of them goes first when it is short (Envoy: "reset_high_memory_stream").

/** A stream; or a connection, where what waits cannot be given up alone. */
export interface Holder {
  /** Bodies that wait here in either direction; a request's that is kept to be sent again counts too. */
  readonly heldBytes: number;
  /** Ends it, and says so in the access log. Does nothing where it is over. */
  shed(): void;
}

/** When streams are reset, and which. */
export interface StreamReset {
  /** Share of the memory, 1 = the limit, from which on streams of the largest of eight classes are reset. */
  readonly from: number;
  /** Share from which on all of `leastBytes` are; in between one class more with every eighth of the way. */
  readonly full: number;
  /** What the smallest class holds at least; each further one twice as much. */
  readonly leastBytes: number;
}

/** Where requests are refused. Every stream that holds more than a full frame may go, the largest first. */
export const DEFAULT_STREAM_RESET: StreamReset = { from: 0.92, full: 0.92, leastBytes: 16 * 1024 };

/** Envoy's figures. */
const CLASSES = 8;
const RESETS_MAX = 50;
/** Of all that is held: more may not be necessary, and the next look will tell. */
const RESET_SHARE = 0.25;

/** What a stream holds at least to be reset at this pressure. */
export function leastHeld({ from, full, leastBytes }: StreamReset, pressure: number): number {
  if (pressure >= full) return leastBytes;
  const way = full > from ? Math.max(0, (pressure - from) / (full - from)) : 1;
  return leastBytes * 2 ** Math.max(0, CLASSES - 1 - Math.floor(way * CLASSES));
}

/** Those that go now: the largest, until a quarter of what all hold is found, and at most 50. */
export function largestHolders(all: Iterable<Holder>): { readonly holders: readonly Holder[]; readonly bytes: number } {
  // What is shed changes what the others hold: each is weighed once.
  const weighed = Array.from(all, (holder) => ({ holder, bytes: holder.heldBytes })).sort((a, b) => b.bytes - a.bytes);
  const enough = weighed.reduce((sum, { bytes }) => sum + bytes, 0) * RESET_SHARE;
  const holders: Holder[] = [];
  let found = 0;
  for (const { holder, bytes } of weighed) {
    if (found >= enough || holders.length === RESETS_MAX) break;
    holders.push(holder);
    found += bytes;
  }
  return { holders, bytes: found };
}
