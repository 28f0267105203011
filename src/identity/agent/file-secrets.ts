// Serves certificates and roots that lie in files, under Istio's names `file-cert:CHAIN~KEY` and `file-root:ROOTS[~CRL]` (ROOTS `system`: the machine's own); reads them again when they change.

import type { Fs, Logger, Result } from '#base';
import { err } from '#base';
import { IdentityError } from '../errors.ts';
import { SECRET_FILE_BYTES_MAX } from '../limits.ts';
import { readCertificateSecret, readTrustSecret } from '../read-certificate-secret.ts';
import type { SecretSource, SecretValue } from '../secret-source.ts';

interface Entry {
  readonly subscribers: Set<(value: SecretValue) => void>;
  readonly watches: readonly { close(): void }[];
  value: SecretValue | undefined;
}

export function fileCertificateName(chainPath: string, keyPath: string): string {
  return `file-cert:${chainPath}~${keyPath}`;
}

export function fileRootsName(rootsPath: string, crlPath = ''): string {
  return crlPath === '' ? `file-root:${rootsPath}` : `file-root:${rootsPath}~${crlPath}`;
}

const SYSTEM_ROOTS = 'system';
/** Where distributions keep public authorities, as Go's crypto/x509 looks for them. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

async function readSystemRoots(fs: Fs): Promise<string | undefined> {
  for (const path of SYSTEM_FILES) {
    const text = await fs.readText(path);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Names come from configuration; an entry lives as long as somebody subscribes to it. */
export class FileSecrets implements SecretSource {
  readonly #fs: Fs;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly fs: Fs; readonly log: Logger }) {
    this.#fs = options.fs;
    this.#log = options.log.scope('identity');
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    const entry = this.#entries.get(name) ?? this.#open(name);
    const subscriber = (value: SecretValue): void => changed(value);
    entry.subscribers.add(subscriber);
    if (entry.value !== undefined) subscriber(entry.value);
    return () => {
      entry.subscribers.delete(subscriber);
      if (entry.subscribers.size > 0 || this.#entries.get(name) !== entry) return;
      this.#entries.delete(name);
      for (const watch of entry.watches) watch.close();
    };
  }

  #open(name: string): Entry {
    const folders = new Map<string, string[]>();
    for (const path of pathsOf(name)) {
      if (path === SYSTEM_ROOTS) continue;
      const slash = path.lastIndexOf('/');
      const folder = slash < 0 ? '.' : path.slice(0, slash) || '/';
      folders.set(folder, [...(folders.get(folder) ?? []), path.slice(slash + 1)]);
    }
    let turn = Promise.resolve();
    const reload = (): void => {
      // One after the other: an older read must not overwrite a newer one.
      turn = turn
        .then(() => this.#reload(name, entry))
        .catch((error: unknown) => this.#log.error('secret file not read', { name, error: String(error) }));
    };
    const entry: Entry = {
      subscribers: new Set(),
      // Whoever writes configuration names the files: what lies beside and below them is not looked through.
      watches: [...folders].map(([folder, names]) => this.#fs.watch(folder, reload, names)),
      value: undefined,
    };
    this.#entries.set(name, entry);
    reload();
    return entry;
  }

  async #reload(name: string, entry: Entry): Promise<void> {
    const read = await readFiles(this.#fs, name);
    if (this.#entries.get(name) !== entry) return;
    if (!read.ok) {
      this.#log.warn('secret file not usable', { name, problem: read.error.message });
      // Chain and key are replaced one after the other: what was good stays until they fit again.
      if (entry.value !== undefined && entry.value.kind !== 'error') return;
    }
    const value: SecretValue = read.ok
      ? read.value
      : { kind: 'error', code: read.error.code, message: read.error.message };
    if (entry.value !== undefined && versionOf(entry.value) === versionOf(value)) return;
    entry.value = value;
    for (const changed of [...entry.subscribers]) changed(value);
  }
}

async function readFiles(fs: Fs, name: string): Promise<Result<SecretValue, IdentityError>> {
  const paths = pathsOf(name);
  const texts: string[] = [];
  for (const path of paths) {
    const text = path === SYSTEM_ROOTS ? await readSystemRoots(fs) : await readNamed(fs, path);
    if (text instanceof Error) return err(new IdentityError('secret_not_found', text.message));
    if (text === undefined) return err(new IdentityError('secret_not_found', path));
    texts.push(text);
  }
  const [first, second] = texts;
  if (name.startsWith('file-cert:') && first !== undefined && second !== undefined)
    return readCertificateSecret(first, second);
  if (name.startsWith('file-root:') && first !== undefined) return readTrustSecret(first, second ?? '');
  return err(new IdentityError('secret_not_found', `${name} is neither file-cert:CHAIN~KEY nor file-root:ROOTS`));
}

/** Whoever writes configuration names it: it may be a pipe, a device, or a folder. */
async function readNamed(fs: Fs, path: string): Promise<string | undefined | Error> {
  try {
    return await fs.readText(path, { bytesMax: SECRET_FILE_BYTES_MAX });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A name that means no files has none: watching for it would walk the working folder for ever. */
function pathsOf(name: string): readonly string[] {
  if (!name.startsWith('file-')) return [];
  return name
    .slice(name.indexOf(':') + 1)
    .split('~')
    .filter((path) => path !== '');
}

function versionOf(value: SecretValue): string {
  return value.kind === 'error' ? `error ${value.message}` : value.version;
}
