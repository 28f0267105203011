// Lists of names that many clients send alike (all clusters of a mesh): read once, and known by their bytes from then on.
import { XDS_LIMITS } from '../limits.ts';

export interface NamesBlock {
  readonly names: readonly string[];
  /** Where the block ends in the request. */
  readonly end: number;
}

/** Tag of `resource_names_subscribe` (field 3, bytes). */
const TAG = 0x1a;

export class RepeatedNames {
  /** The one that was asked for last comes first. */
  #known: { readonly bytes: Uint8Array; readonly names: readonly string[] }[] = [];

  /** The whole run of names that begins at `start`, its tag included; undefined when it was not seen before. */
  find(request: Uint8Array, start: number): NamesBlock | undefined {
    for (const one of this.#known) {
      const end = start + one.bytes.length;
      if (end > request.length || request[end] === TAG) continue;
      if (Buffer.compare(one.bytes, request.subarray(start, end)) !== 0) continue;
      if (one !== this.#known[0]) this.#known = [one, ...this.#known.filter((other) => other !== one)];
      return { names: one.names, end };
    }
    return undefined;
  }

  remember(request: Uint8Array, start: number, end: number, names: readonly string[]): void {
    if (names.length < XDS_LIMITS.repeatedNamesMin || end - start > XDS_LIMITS.repeatedNamesBytesMax) return;
    this.#known = [
      { bytes: request.slice(start, end), names },
      ...this.#known.slice(0, XDS_LIMITS.repeatedNamesKept - 1),
    ];
  }
}
