// Prints a distinguished name as RFC 4514 text, most specific part first: for logs, never for decisions.

import type { Der } from './der.ts';
import { children, expectTag, readOid, TAG, valueBytes } from './der.ts';

const SHORT: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

export function formatName(sequence: Der): string {
  const parts: string[] = [];
  for (const set of children(sequence)) {
    expectTag(set, TAG.set, 'name');
    const attributes = children(set).map((attribute) => {
      const [type, value] = children(expectTag(attribute, TAG.sequence, 'name'));
      const oid = readOid(expectTag(type, TAG.oid, 'name'), 'name');
      const text = value === undefined ? '' : Buffer.from(valueBytes(value)).toString('utf8');
      return `${SHORT[oid] ?? oid}=${escape(text)}`;
    });
    parts.unshift(attributes.join('+'));
  }
  return parts.join(',');
}

function escape(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, (c) => `\\${c}`)
    .replace(/[\u0000-\u001f\u007f]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
