// Writes access log lines in blocks of 64 kB: joins, flushes by size and by time, drops and counts
// when the file or pipe is slower than the traffic. The traffic never waits for its log.

import { type Clock, Draft, type Timer } from '#base';
import { BLOCK_CHARS, DEFAULT_FLUSH_MS, MAX_QUEUED_CHARS, SPARE_BYTES } from './limits.ts';

/** Where blocks go: one open file, or stdout. `io` implements it. */
export interface LogSink {
  /** Calls `done` when the block was taken or failed; one write at a time. */
  write(block: string, done: (error: Error | undefined) => void): void;
  /** Opens the same path anew (after a rotation moved the file away). Nothing for stdout. */
  reopen(done: (error: Error | undefined) => void): void;
  close(): void;
}

export interface LogWriterOptions {
  readonly flushMs?: number;
  readonly blockChars?: number;
  readonly maxQueuedChars?: number;
}

export class LogWriter {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #blockChars: number;
  readonly #maxQueued: number;
  /** Lines of the block that is being filled, in UTF-8. */
  readonly #pending: Draft;
  #ascii = true;
  /** Blocks in order; undefined stands where the path is to be opened anew. */
  #queued: (string | undefined)[] = [];
  #queuedChars = 0;
  #busy = false;
  #timer: Timer | undefined = undefined;
  #afterWrite: (() => void)[] = [];
  /** Lines that found no room, and blocks that the sink refused, in lines. */
  droppedLines = 0;
  writtenLines = 0;
  failedWrites = 0;

  constructor(sink: LogSink, clock: Clock, options: LogWriterOptions = {}) {
    this.#sink = sink;
    this.#clock = clock;
    this.#flushMs = options.flushMs ?? DEFAULT_FLUSH_MS;
    this.#blockChars = options.blockChars ?? BLOCK_CHARS;
    this.#pending = new Draft(this.#blockChars + SPARE_BYTES);
    this.#maxQueued = options.maxQueuedChars ?? MAX_QUEUED_CHARS;
  }

  /** `line` ends with its newline (the format's own). */
  write(line: string): void {
    if (this.#queuedChars + this.#pending.length + line.length > this.#maxQueued) this.droppedLines++;
    else this.#take(line);
  }

  /**
   * A line without a string of its own: `put` adds it, as ASCII, to the block. Where it gives false, what it
   * put is taken away again, and the line is what `text` gives.
   */
  writeBy<T>(put: (context: T, out: Draft) => boolean, text: (context: T) => string, context: T): void {
    const out = this.#pending;
    const start = out.length;
    if (this.#queuedChars + start >= this.#maxQueued) {
      this.droppedLines++;
      return;
    }
    if (put(context, out)) return this.#added();
    out.length = start;
    this.#take(text(context));
  }

  #take(line: string): void {
    if (!this.#pending.ascii(line)) {
      this.#pending.data(Buffer.from(line, 'utf8'));
      this.#ascii = false;
    }
    this.#added();
  }

  #added(): void {
    this.writtenLines++;
    if (this.#pending.length >= this.#blockChars) this.#seal();
    else this.#timer ??= this.#clock.setTimer(this.#flushMs, () => this.#onTimer(), { unref: true });
  }

  /** Sends what is waiting; `done` is called once all of it is written or has failed. */
  flush(done?: () => void): void {
    this.#seal();
    if (done === undefined) return;
    if (this.#busy) this.#afterWrite.push(done);
    else done();
  }

  /** Opens the path anew after what is queued went to the old file: SIGUSR1, `/reopen_logs`. */
  reopen(): void {
    this.#seal();
    if (!this.#queued.includes(undefined)) this.#queued.push(undefined);
    if (!this.#busy) this.#next();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.flush(() => this.#sink.close());
  }

  get queuedChars(): number {
    return this.#queuedChars + this.#pending.length;
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#seal();
  }

  #seal(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    const block = Buffer.from(pending.view().buffer, 0, pending.length).toString(this.#ascii ? 'latin1' : 'utf8');
    pending.length = 0;
    this.#ascii = true;
    this.#queued.push(block);
    this.#queuedChars += block.length;
    if (!this.#busy) this.#next();
  }

  #next(): void {
    if (this.#queued.length === 0) {
      const waiting = this.#afterWrite;
      this.#afterWrite = [];
      for (const done of waiting) done();
      return;
    }
    this.#busy = true;
    const mark = this.#queued.indexOf(undefined);
    if (mark === 0) {
      this.#queued.shift();
      this.#sink.reopen((error) => this.#onDone(error, ''));
      return;
    }
    // All that waits for the same file goes out in one write.
    const blocks = this.#queued.splice(0, mark < 0 ? this.#queued.length : mark);
    const block = blocks.join('');
    this.#sink.write(block, (error) => this.#onDone(error, block));
  }

  #onDone(error: Error | undefined, block: string): void {
    this.#busy = false;
    this.#queuedChars -= block.length;
    if (error !== undefined) {
      this.failedWrites++;
      const lost = block.split('\n').length - 1;
      this.droppedLines += lost;
      this.writtenLines -= lost;
    }
    this.#next();
  }
}
