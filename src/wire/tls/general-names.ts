// Reads subject alternative names from DER, never from printed text (RFC 5280 §4.2.1.6).

import type { Der } from './der.ts';
import { children, contextTag, expectTag, TAG, valueBytes } from './der.ts';
import { TlsBytesError } from './errors.ts';

export interface SubjectAltNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly emails: readonly string[];
  /** Printed as Node's `net.isIP` accepts them, IPv6 in full without leading zeros. */
  readonly ips: readonly string[];
}

const EMAIL = contextTag(1, false);
const DNS = contextTag(2, false);
const URI = contextTag(6, false);
const IP = contextTag(7, false);

export const NO_NAMES: SubjectAltNames = { uris: [], dns: [], emails: [], ips: [] };

/** `element` is the GeneralNames sequence inside the extension. Kinds that no matcher reads are left out. */
export function readSubjectAltNames(element: Der): SubjectAltNames {
  expectTag(element, TAG.sequence, 'subjectAltName');
  const names = { uris: [] as string[], dns: [] as string[], emails: [] as string[], ips: [] as string[] };
  for (const name of children(element)) {
    if (name.tag === URI) names.uris.push(readName(name));
    else if (name.tag === DNS) names.dns.push(readName(name));
    else if (name.tag === EMAIL) names.emails.push(readName(name));
    else if (name.tag === IP) names.ips.push(formatAddress(valueBytes(name)));
  }
  return names;
}

/** IA5String narrowed to visible ASCII: a NUL or a control byte is how one name is made to look like another. */
function readName(element: Der): string {
  const value = valueBytes(element);
  if (value.length === 0) throw new TlsBytesError('san_bad_character', 'empty name');
  for (const byte of value) {
    if (byte <= 0x20 || byte >= 0x7f) throw new TlsBytesError('san_bad_character');
  }
  return Buffer.from(value).toString('latin1');
}

function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new TlsBytesError('san_bad_address');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16));
  return groups.join(':');
}
