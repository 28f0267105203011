// Reads and writes PEM blocks (RFC 7468); text around the blocks is passed over, as tools put notes there.

import type { Result } from '#base';
import { err, ok } from '#base';
import { TlsBytesError } from './errors.ts';
import { PEM_BLOCKS_MAX } from './limits.ts';

export interface PemBlock {
  /** "CERTIFICATE", "PRIVATE KEY", "X509 CRL", "CERTIFICATE REQUEST". */
  readonly label: string;
  readonly der: Uint8Array;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** All blocks, in order. A block that does not end or is not base64 is an error, not skipped. */
export function parsePem(text: string): Result<readonly PemBlock[], TlsBytesError> {
  const blocks: PemBlock[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  for (let i = 0; i < lines.length; i++) {
    const label = BEGIN.exec(lines[i] as string)?.[1];
    if (label === undefined) {
      if ((lines[i] as string).startsWith('-----')) return err(new TlsBytesError('pem_malformed', `line ${i + 1}`));
      continue;
    }
    if (blocks.length === PEM_BLOCKS_MAX) return err(new TlsBytesError('der_too_large', 'PEM blocks'));
    const begin = i + 1;
    let base64 = '';
    for (i++; i < lines.length && !(lines[i] as string).startsWith('-----'); i++) base64 += (lines[i] as string).trim();
    const ends = i < lines.length && (lines[i] as string).trimEnd() === `-----END ${label}-----`;
    if (!ends || base64 === '' || !BASE64.test(base64))
      return err(new TlsBytesError('pem_malformed', `${label} at line ${begin}`));
    blocks.push({ label, der: Buffer.from(base64, 'base64') });
  }
  return ok(blocks);
}

/** The DER of every block with this label; an error when there is none. */
export function pemBlocks(text: string, label: string): Result<readonly Uint8Array[], TlsBytesError> {
  const parsed = parsePem(text);
  if (!parsed.ok) return parsed;
  const wanted = parsed.value.filter((block) => block.label === label).map((block) => block.der);
  return wanted.length === 0 ? err(new TlsBytesError('pem_missing', label)) : ok(wanted);
}

export function formatPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  let body = '';
  for (let i = 0; i < base64.length; i += 64) body += `${base64.slice(i, i + 64)}\n`;
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}
