// Parses a PEM bundle of roots once per version; a root that cannot be used is left out with a complaint.

import type { Certificate } from '#wire/tls';
import { parseCertificate, pemBlocks } from '#wire/tls';
import { isWeakKey } from './signature.ts';

export interface TrustBundle {
  readonly roots: readonly Certificate[];
  /** Roots by subject, as hex. */
  readonly bySubject: ReadonlyMap<string, readonly Certificate[]>;
  /** What was left out and why; leaving out only narrows trust. */
  readonly complaints: readonly string[];
}

export function parseTrustBundle(rootsPem: string): TrustBundle {
  const roots: Certificate[] = [];
  const complaints: string[] = [];
  const bySubject = new Map<string, Certificate[]>();
  const seen = new Set<string>();
  const blocks = pemBlocks(rootsPem, 'CERTIFICATE');
  if (!blocks.ok) return { roots, bySubject, complaints: [blocks.error.message] };
  for (const [index, der] of blocks.value.entries()) {
    const parsed = parseCertificate(der);
    if (!parsed.ok) {
      complaints.push(`root ${index + 1}: ${parsed.error.message}`);
      continue;
    }
    if (isWeakKey(parsed.value.publicKey)) {
      complaints.push(`root ${index + 1} (${parsed.value.subjectText}): its key is too weak or of an unknown kind`);
      continue;
    }
    const id = Buffer.from(der).toString('base64');
    if (seen.has(id)) continue;
    seen.add(id);
    roots.push(parsed.value);
    const subject = hex(parsed.value.subject);
    const same = bySubject.get(subject);
    if (same === undefined) bySubject.set(subject, [parsed.value]);
    else same.push(parsed.value);
  }
  return { roots, bySubject, complaints };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
