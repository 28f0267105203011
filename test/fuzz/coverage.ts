// Which blocks of the codecs an input reached, from V8's precise coverage: what makes the fuzzer keep an input.
import { Session } from 'node:inspector';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface Script {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  readonly #part: string;

  /** Counts only scripts whose address holds `part`. */
  constructor(part: string) {
    this.#part = part;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.take(true);
  }

  get blocks(): number {
    return this.#seen.size;
  }

  /** True when what ran since the last call reached a block for the first time; `keep` = it is known from now on. */
  take(keep: boolean): boolean {
    let fresh = false;
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      for (const script of (taken as { readonly result: readonly Script[] }).result) {
        if (!script.url.includes(this.#part)) continue;
        for (const { ranges } of script.functions)
          for (const range of ranges) fresh = this.#isNew(script, range, keep) || fresh;
      }
    });
    return fresh;
  }

  #isNew({ scriptId }: Script, { startOffset, endOffset, count }: Range, keep: boolean): boolean {
    if (count === 0) return false;
    const key = `${scriptId}:${startOffset}-${endOffset}`;
    if (this.#seen.has(key)) return false;
    if (keep) this.#seen.add(key);
    return true;
  }

  close(): void {
    this.#session.disconnect();
  }
}
