// Header maps as plugins see them: pseudo-headers first, names in lower case, several values of one name joined when one is asked for.
// What would break a message apart is refused.

import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import type { Pair } from './abi.ts';

export interface HeaderMap {
  get(name: string): string | undefined;
  pairs(): Pair[];
  /** Replaces all values. False when name or value is none. */
  set(name: string, value: string): boolean;
  add(name: string, value: string): boolean;
  remove(name: string): void;
  readonly size: number;
  /** Of plain headers. */
  readonly bytes: number;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const BREAKS = /[\u0000\r\n]/;
const PATH = /^[\u0021-\u00ff]+$/;

/** A block of plain headers: trailers, answers to calls. */
export function plainMap(block: HeaderBlock): HeaderMap {
  return new BlockMap(block, NO_PSEUDO);
}

export function requestMap(head: RequestHead): HeaderMap {
  return new BlockMap(head.headers, {
    names: [':authority', ':path', ':method', ':scheme'],
    get: (name) =>
      name === ':authority' || name === 'host'
        ? head.authority
        : name === ':path'
          ? head.path
          : name === ':method'
            ? head.method
            : head.scheme,
    set: (name, value) => {
      if (name === ':authority' || name === 'host') head.authority = value;
      else if (!PATH.test(value)) return false;
      else if (name === ':path') head.path = value;
      else if (name === ':method') head.method = value;
      else if (value === 'http' || value === 'https') head.scheme = value;
      else return false;
      return true;
    },
  });
}

export function responseMap(head: ResponseHead): HeaderMap {
  return new BlockMap(head.headers, {
    names: [':status'],
    get: () => String(head.status),
    set: (_, value) => {
      if (!/^[2-5]\d\d$/.test(value)) return false;
      head.status = Number(value);
      return true;
    },
  });
}

interface Pseudo {
  readonly names: readonly string[];
  get(name: string): string;
  set(name: string, value: string): boolean;
}
const NO_PSEUDO: Pseudo = { names: [], get: () => '', set: () => false };

class BlockMap implements HeaderMap {
  readonly #block: HeaderBlock;
  readonly #pseudo: Pseudo;

  constructor(block: HeaderBlock, pseudo: Pseudo) {
    this.#block = block;
    this.#pseudo = pseudo;
  }

  get size(): number {
    return this.#block.count + this.#pseudo.names.length;
  }

  get bytes(): number {
    return this.#block.byteSize;
  }

  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    if (this.#isPseudo(lower)) return this.#pseudo.get(lower);
    const flat = this.#block.flat;
    let found: string | undefined;
    for (let i = 0; i < flat.length; i += 3)
      if (flat[i] === lower) found = found === undefined ? flat[i + 2] : `${found},${flat[i + 2]}`;
    return found;
  }

  pairs(): Pair[] {
    const pairs: Pair[] = this.#pseudo.names.map((name) => [name, this.#pseudo.get(name)]);
    const flat = this.#block.flat;
    for (let i = 0; i < flat.length; i += 3) pairs.push([flat[i] as string, flat[i + 2] as string]);
    return pairs;
  }

  set(name: string, value: string): boolean {
    const lower = name.toLowerCase();
    if (BREAKS.test(value)) return false;
    if (this.#isPseudo(lower)) return this.#pseudo.set(lower, value);
    if (!NAME.test(lower)) return false;
    this.#block.put(lower, value);
    return true;
  }

  add(name: string, value: string): boolean {
    const lower = name.toLowerCase();
    if (this.#isPseudo(lower)) return this.set(lower, value);
    if (!NAME.test(lower) || BREAKS.test(value)) return false;
    this.#block.push(lower, lower, value);
    return true;
  }

  remove(name: string): void {
    this.#block.remove(name.toLowerCase());
  }

  #isPseudo(lower: string): boolean {
    return this.#pseudo.names.includes(lower) || (lower === 'host' && this.#pseudo.names.includes(':authority'));
  }
}

/** What remains of headers that a plugin gave, without pseudo-headers and what breaks a message. */
export function plainPairs(pairs: readonly Pair[]): Pair[] {
  return pairs.filter(([name, value]) => NAME.test(name.toLowerCase()) && !BREAKS.test(value));
}
