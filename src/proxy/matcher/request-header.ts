// Reads a header of a request by the name Envoy gives it: pseudo headers and Host live outside the header block.

import type { RequestHead } from '#wire/http';

/** All values as one text, joined by commas, or undefined (Envoy's view of repeated headers). `name` must be lower case. */
export function readMerged(head: RequestHead, name: string): string | undefined {
  const pseudo = readPseudo(head, name);
  if (pseudo !== NOT_PSEUDO) return pseudo;
  const flat = head.headers.flat;
  let value: string | undefined;
  for (let i = 0; i < flat.length; i += 3) {
    if (flat[i] !== name) continue;
    value = value === undefined ? flat[i + 2] : `${value},${flat[i + 2] as string}`;
  }
  return value;
}

/** The first value, or undefined. */
export function readFirst(head: RequestHead, name: string): string | undefined {
  const pseudo = readPseudo(head, name);
  return pseudo === NOT_PSEUDO ? head.headers.get(name) : pseudo;
}

/** Each value apart. */
export function readEach(head: RequestHead, name: string): readonly string[] {
  const pseudo = readPseudo(head, name);
  if (pseudo === NOT_PSEUDO) return head.headers.getAll(name);
  return pseudo === undefined ? [] : [pseudo];
}

const NOT_PSEUDO = Symbol('not a pseudo header');

function readPseudo(head: RequestHead, name: string): string | undefined | typeof NOT_PSEUDO {
  if (name.charCodeAt(0) !== 0x3a && name !== 'host') return NOT_PSEUDO;
  switch (name) {
    case ':method':
      return head.method === '' ? undefined : head.method;
    case ':path':
      return head.path === '' ? undefined : head.path;
    case ':authority':
    case 'host':
      return head.authority === '' ? undefined : head.authority;
    case ':scheme':
      return head.scheme;
    case ':protocol':
      return head.protocol === '' ? undefined : head.protocol;
    default:
      return NOT_PSEUDO;
  }
}
