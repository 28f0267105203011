// A pod's projected token and the mesh's roots, read again as the kubelet renews them.
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '#base';
import type { TokenSource } from './agent-identity.ts';
import type { TokenAnswer, TrustAnswer } from './discovery-identity.ts';

export interface PodTokensOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokenFile: string;
  readonly rootsFile: string;
  readonly trustDomain: string;
}

/** The kubelet renews at 80 % of a token's life; client-go reads as often. */
const READ_MS = 60_000;
const RETRY_MS = 500;

export class PodTokens implements TokenSource {
  readonly #options: PodTokensOptions;
  #answer: TokenAnswer | undefined;
  #timer: { cancel(): void } | undefined;
  #told = false;
  #trustChanged: ((trust: TrustAnswer) => void) | undefined;

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

  onTrust(changed: (trust: TrustAnswer) => void): void {
    // What came with the certificate is newer than the file, until the kubelet writes that again.
    this.#trustChanged = changed;
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #read(): Promise<boolean> {
    const { tokenFile, rootsFile, trustDomain, log } = this.#options;
    try {
      const [token, rootsPem] = await Promise.all([readFile(tokenFile, 'utf8'), readFile(rootsFile, 'utf8')]);
      const former = this.#answer?.rootsPem;
      this.#answer = { token: token.trim(), rootsPem, trustDomain };
      if (former !== undefined && former !== rootsPem) this.#trustChanged?.({ rootsPem, crlPem: '', version: '' });
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
