// Access logs of all workers: one sink per file in the process, one write at a time, whole lines each.
import { openLogSink } from '#io';
import type { LogSink } from '#telemetry';

interface Entry {
  readonly sink: LogSink;
  /** What was asked for last; the next begins when it is done. */
  last: Promise<void>;
}

export class WorkerLogs {
  readonly #open: (path: string) => LogSink;
  readonly #byPath = new Map<string, Entry>();

  constructor(open: (path: string) => LogSink = openLogSink) {
    this.#open = open;
  }

  write(path: string, block: string, done: (problem: string | undefined) => void): void {
    this.#then(path, (sink) => new Promise((resolve) => sink.write(block, resolve)), done);
  }

  /** After a rotation. */
  reopenAll(): void {
    for (const path of this.#byPath.keys())
      this.#then(
        path,
        (sink) => new Promise((resolve) => sink.reopen(resolve)),
        () => {},
      );
  }

  async close(): Promise<void> {
    for (const { sink, last } of this.#byPath.values()) {
      await last;
      sink.close();
    }
    this.#byPath.clear();
  }

  #then(
    path: string,
    work: (sink: LogSink) => Promise<Error | undefined>,
    done: (problem: string | undefined) => void,
  ): void {
    let entry = this.#byPath.get(path);
    if (entry === undefined) this.#byPath.set(path, (entry = { sink: this.#open(path), last: Promise.resolve() }));
    const { sink } = entry;
    entry.last = entry.last.then(async () => done((await work(sink))?.message));
  }
}
