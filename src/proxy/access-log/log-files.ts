// One writer per path, however many listeners log there: lines of one file never interleave.

import type { Clock } from '#base';
import { type LogSink, LogWriter, type StatStore } from '#telemetry';

export class LogFiles {
  readonly #open: (path: string) => LogSink;
  readonly #clock: Clock;
  readonly #stats: StatStore | undefined;
  readonly #byPath = new Map<string, { readonly writer: LogWriter; users: number }>();

  constructor(options: {
    readonly open: (path: string) => LogSink;
    readonly clock: Clock;
    readonly stats?: StatStore;
  }) {
    this.#open = options.open;
    this.#clock = options.clock;
    this.#stats = options.stats;
    const sum = (read: (w: LogWriter) => number) => (): number =>
      [...this.#byPath.values()].reduce((n, e) => n + read(e.writer), 0);
    this.#stats?.computed(
      'filesystem.write_total_buffered',
      'gauge',
      sum((w) => w.queuedChars),
    );
    this.#stats?.computed(
      'filesystem.write_failed',
      'counter',
      sum((w) => w.failedWrites),
    );
    this.#stats?.computed(
      'access_log.lines_written',
      'counter',
      sum((w) => w.writtenLines),
    );
    this.#stats?.computed(
      'access_log.lines_dropped',
      'counter',
      sum((w) => w.droppedLines),
    );
  }

  /** Give it back with `release`. */
  acquire(path: string): LogWriter {
    let entry = this.#byPath.get(path);
    if (entry === undefined)
      this.#byPath.set(path, (entry = { writer: new LogWriter(this.#open(path), this.#clock), users: 0 }));
    entry.users++;
    return entry.writer;
  }

  release(path: string): void {
    const entry = this.#byPath.get(path);
    if (entry === undefined || --entry.users > 0) return;
    this.#byPath.delete(path);
    entry.writer.close();
  }

  /** After a rotation moved the files away: SIGUSR1 and /reopen_logs. */
  reopenAll(): void {
    for (const { writer } of this.#byPath.values()) writer.reopen();
  }

  /** Everything that was logged is written: the last thing before the process ends. */
  async flushAll(): Promise<void> {
    await Promise.all(
      Array.from(this.#byPath.values(), ({ writer }) => new Promise<void>((done) => writer.flush(done))),
    );
  }
}
