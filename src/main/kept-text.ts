// A file that always holds the newest of what it was given: writes follow one another, and one that fails (a full disk) is told and forgotten.
import type { Fs, Logger } from '#base';

export class KeptText {
  readonly #fs: Fs;
  readonly #log: Logger;
  readonly #path: string;
  /** What is written next; only the newest counts. */
  #next: string | undefined;
  #writing = false;

  constructor(fs: Fs, log: Logger, path: string) {
    this.#fs = fs;
    this.#log = log;
    this.#path = path;
  }

  save(text: string): void {
    this.#next = text;
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#next !== undefined) {
      const text = this.#next;
      this.#next = undefined;
      try {
        await this.#fs.writeText(this.#path, text, { mode: 0o600 });
      } catch (reason) {
        this.#log.error('a file of the state was not written: a restart would miss it', {
          path: this.#path,
          reason: String(reason),
        });
      }
    }
    this.#writing = false;
  }
}
