// No authority of ours (Istio's ENABLE_CA_SERVER=false): somebody else signs for workloads and for the control plane itself, and
// files hold what is trusted and what we serve with. They are read again when they change.

import { dirname } from 'node:path';
import type { Clock, Fs, Logger, Result } from '#base';
import { err, ok } from '#base';
import { parseCertificate, pemBlocks } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { readCertificateSecret, readTrustSecret } from '../read-certificate-secret.ts';
import type { CertificateSecret } from '../secret-source.ts';
import type { AuthorityKeeper, MeshTrust } from './authority-keeper.ts';

export interface ElsewhereFiles {
  /** The control plane's own certificate, with what is between it and a root. */
  readonly certFile: string;
  readonly keyFile: string;
  /** What the mesh trusts; `ca-crl.pem` beside it is taken too. */
  readonly rootsFile: string;
}

export interface ElsewhereRootOptions {
  readonly fs: Fs;
  readonly clock: Pick<Clock, 'wallTime'>;
  readonly log: Logger;
  readonly files: ElsewhereFiles;
  readonly changed: () => void;
}

interface Given {
  readonly serving: CertificateSecret;
  readonly trust: MeshTrust;
}

export class ElsewhereRoot implements AuthorityKeeper {
  readonly kind = 'external';
  readonly signer = undefined;
  readonly phase = 'steady';
  readonly nextStepMs = undefined;
  readonly revokedCount = 0;
  readonly #options: ElsewhereRootOptions;
  readonly #watches: readonly { close(): void }[];
  #given: Given;
  #reading: Promise<void> = Promise.resolve();

  static async open(options: ElsewhereRootOptions): Promise<Result<ElsewhereRoot, IdentityError>> {
    const read = await readFiles(options);
    return read.ok ? ok(new ElsewhereRoot(options, read.value)) : read;
  }

  private constructor(options: ElsewhereRootOptions, given: Given) {
    this.#options = options;
    this.#given = given;
    const { certFile, keyFile, rootsFile } = options.files;
    // One read at a time, in the order of the notices.
    const look = (): void => void (this.#reading = this.#reading.then(() => this.#reload()));
    this.#watches = [...new Set([certFile, keyFile, rootsFile].map(dirname))].map((folder) =>
      options.fs.watch(folder, look),
    );
  }

  get trust(): MeshTrust {
    return this.#given.trust;
  }
  get serving(): CertificateSecret {
    return this.#given.serving;
  }

  issued(): void {}

  async rotate(): Promise<Result<void, IdentityError>> {
    return err(new IdentityError('authority_is_elsewhere', 'its root is replaced there'));
  }
  async hurry(): Promise<Result<void, IdentityError>> {
    return err(new IdentityError('authority_is_elsewhere', 'its root is replaced there'));
  }
  listAnyway(): boolean {
    return this.#given.trust.crlPem !== '';
  }
  async revoke(): Promise<Result<void, IdentityError>> {
    return err(new IdentityError('authority_is_elsewhere', 'it revokes by its own list'));
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  async #reload(): Promise<void> {
    const { log, files } = this.#options;
    const read = await readFiles(this.#options).catch((error: unknown) =>
      err(new IdentityError('authority_files_incomplete', String(error))),
    );
    if (!read.ok) {
      // Files are replaced one after the other: what was in force stays until they fit together.
      log.warn('certificate files not reloaded', { file: files.certFile, problem: read.error.message });
      return;
    }
    const { serving, trust } = read.value;
    const before = this.#given;
    if (
      serving.version === before.serving.version &&
      trust.rootsPem === before.trust.rootsPem &&
      trust.crlPem === before.trust.crlPem
    )
      return;
    this.#given = read.value;
    log.info('certificate files reloaded', { notAfter: new Date(serving.notAfterMs).toISOString() });
    this.#options.changed();
  }
}

async function readFiles({ fs, clock, files }: ElsewhereRootOptions): Promise<Result<Given, IdentityError>> {
  const { certFile, keyFile, rootsFile } = files;
  const texts = await Promise.all([certFile, keyFile, rootsFile].map((path) => fs.readText(path)));
  const [certPem, keyPem, rootsPem] = texts;
  if (certPem === undefined || keyPem === undefined || rootsPem === undefined)
    return err(new IdentityError('authority_files_incomplete', [certFile, keyFile, rootsFile].join(', ')));
  const crlPem = (await fs.readText(`${dirname(rootsFile)}/ca-crl.pem`)) ?? '';
  const serving = readCertificateSecret(certPem, keyPem);
  if (!serving.ok) return serving;
  if (serving.value.notAfterMs <= clock.wallTime())
    return err(new IdentityError('certificate_unusable', `${certFile} has expired`));
  const trust = readTrustSecret(rootsPem, crlPem);
  if (!trust.ok) return trust;
  return ok({ serving: serving.value, trust: { rootsPem, crlPem } });
}

/** Serial and name of what a chain begins with, for whoever looks. */
export function leafText(chainPem: string): string {
  const blocks = pemBlocks(chainPem, 'CERTIFICATE');
  const leaf = blocks.ok ? parseCertificate(blocks.value[0] as Uint8Array) : blocks;
  return leaf.ok ? `${leaf.value.names.dns[0] ?? leaf.value.subjectText} (serial ${leaf.value.serial})` : '';
}
