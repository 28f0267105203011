// Makes certificates for tests: right by default, wrong in exactly the field that a test names.

import { generateKeyPairSync } from 'node:crypto';
import type { Fs, FileStat } from '#base';
import type { CertificateFields } from '#wire/tls';
import { formatPem, OID, writeCertificate, writeName } from '#wire/tls';
import type { SigningAuthority } from '../ca/signing-authority.ts';
import { generateKeyPair, keyIdOf, privateKeyPem } from '../key-pair.ts';

export interface Peer {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly keyPem: string;
}

export const TEST_IDENTITY = 'spiffe://cluster.local/ns/default/sa/reviews';

let serial = 0;

export function makePeer(authority: SigningAuthority, nowMs: number, changes: Partial<CertificateFields> = {}): Peer {
  const key = generateKeyPair();
  const der = writeCertificate(
    {
      serial: Uint8Array.of(1, (++serial >>> 8) & 0xff, serial & 0xff),
      issuer: authority.certificate.subject,
      subject: writeName(''),
      notBeforeMs: nowMs - 60_000,
      notAfterMs: nowMs + 3_600_000,
      spki: key.spki,
      subjectKeyId: keyIdOf(changes.spki ?? key.spki),
      authorityKeyId: authority.key.keyId,
      ca: undefined,
      extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
      uris: [TEST_IDENTITY],
      dns: [],
      keyEncipherment: false,
      ...changes,
    },
    authority.key,
  );
  return { der, pem: formatPem('CERTIFICATE', der), keyPem: privateKeyPem(key) };
}

export function weakSpki(): Uint8Array {
  return generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'der' });
}

/** Files in a map; `watch` is told by `poke`. */
export class MemoryFs implements Fs {
  readonly files = new Map<string, { text: string; mode: number }>();
  readonly #watchers = new Map<string, Set<() => void>>();

  async readText(path: string): Promise<string | undefined> {
    return this.files.get(path)?.text;
  }

  async writeText(path: string, text: string, options?: { readonly mode?: number }): Promise<void> {
    this.files.set(path, { text, mode: options?.mode ?? 0o644 });
  }

  async appendText(path: string, text: string): Promise<void> {
    const file = this.files.get(path);
    this.files.set(path, { text: (file?.text ?? '') + text, mode: file?.mode ?? 0o644 });
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async makeFolder(): Promise<void> {}

  async stat(path: string): Promise<FileStat | undefined> {
    const file = this.files.get(path);
    return file === undefined
      ? undefined
      : { isDirectory: false, size: file.text.length, modifiedMs: 0, mode: file.mode };
  }

  async walk(folder: string): Promise<readonly string[]> {
    return [...this.files.keys()]
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1))
      .sort();
  }

  watch(folder: string, changed: () => void): { close(): void } {
    const watchers = this.#watchers.get(folder) ?? new Set();
    this.#watchers.set(folder, watchers);
    watchers.add(changed);
    return { close: () => void watchers.delete(changed) };
  }

  poke(folder: string): void {
    for (const changed of this.#watchers.get(folder) ?? []) changed();
  }
}
