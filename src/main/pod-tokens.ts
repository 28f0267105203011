// A pod's projected token, the mesh's roots, its revocation list and the roots for other trust domains, read again as the kubelet renews them.
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '#base';
import type { DomainRoots } from '#identity';
import type { TokenSource, TrustNews } from './agent-identity.ts';
import type { TokenAnswer } from './discovery-identity.ts';

export interface PodTokensOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokenFile: string;
  readonly rootsFile: string;
  /** Not there: nothing is revoked. */
  readonly listFile: string;
  /** Not there: no root is for one trust domain only. */
  readonly boundFile: string;
  readonly trustDomain: string;
}

/** The kubelet writes ConfigMaps and tokens again about once a minute: this adds little to it. */
const READ_MS = 5_000;
const RETRY_MS = 500;

export class PodTokens implements TokenSource {
  readonly #options: PodTokensOptions;
  #answer: TokenAnswer | undefined;
  #timer: { cancel(): void } | undefined;
  #told = false;
  #beside: Beside = { crlPem: '', boundJson: '' };
  #trustChanged: ((news: TrustNews) => void) | undefined;

  constructor(options: PodTokensOptions) {
    this.#options = options;
  }

  get answer(): TokenAnswer {
    if (this.#answer === undefined) throw new Error('asked for a token before the first one was read');
    return this.#answer;
  }

  async start(): Promise<void> {
    while (!(await this.#read()))
      await new Promise<void>((resolve) => void this.#options.clock.setTimer(RETRY_MS, resolve));
    this.#later();
  }

  onTrust(changed: (news: TrustNews) => void): void {
    // What came with the certificate is newer than the file, until the kubelet writes that again.
    this.#trustChanged = changed;
    if (this.#beside.crlPem !== '' || this.#beside.boundJson !== '') changed(newsOf(this.#beside));
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #read(): Promise<boolean> {
    const { tokenFile, rootsFile, listFile, boundFile, trustDomain, log } = this.#options;
    try {
      const [token, rootsPem, crlPem, boundJson] = await Promise.all([
        readFile(tokenFile, 'utf8'),
        readFile(rootsFile, 'utf8'),
        readFile(listFile, 'utf8').catch(whenMissing),
        readFile(boundFile, 'utf8').catch(whenMissing),
      ]);
      const former = { roots: this.#answer?.rootsPem, ...this.#beside };
      const beside = { crlPem, boundJson };
      const news = newsOf(beside);
      this.#answer = { token: token.trim(), rootsPem, trustDomain };
      this.#beside = beside;
      if (former.roots !== undefined && former.roots !== rootsPem) this.#trustChanged?.({ rootsPem, ...news });
      else if (former.crlPem !== crlPem || former.boundJson !== boundJson) this.#trustChanged?.(news);
      return true;
    } catch (error) {
      // The first wait is ordinary: the control plane writes the roots into a new namespace.
      if (!this.#told) log.warn("waiting for the pod's token and roots", { error: (error as Error).message });
      this.#told = true;
      return false;
    }
  }

  #later(): void {
    this.#timer = this.#options.clock.setTimer(READ_MS, () => void this.#read().then(() => this.#later()), {
      unref: true,
    });
  }
}

/** What lies beside the roots. */
interface Beside {
  readonly crlPem: string;
  readonly boundJson: string;
}

function newsOf({ crlPem, boundJson }: Beside): TrustNews {
  return boundJson === '' ? { crlPem } : { crlPem, bound: JSON.parse(boundJson) as readonly DomainRoots[] };
}

/** A list that is there but can not be read is no empty one. */
function whenMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
