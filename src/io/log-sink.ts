// Where access log blocks go: a file that can be opened anew after a rotation, or a standard stream.
import { close, fstat, open, write } from 'node:fs';

/** Structurally telemetry's LogSink. */
export interface FileLogSink {
  write(block: string, done: (error: Error | undefined) => void): void;
  reopen(done: (error: Error | undefined) => void): void;
  close(): void;
}

/** `/dev/stdout` and `/dev/stderr` are the process's own streams: opening them anew would lose their offset. */
export function openLogSink(path: string): FileLogSink {
  if (path === '/dev/stdout') return new DescriptorSink(1);
  if (path === '/dev/stderr') return new DescriptorSink(2);
  return new PathSink(path);
}

/** Writes the whole of `bytes`: a pipe may take a part, or nothing for now. */
function writeAll(fd: number, bytes: Buffer, done: (error: Error | undefined) => void): void {
  write(fd, bytes, 0, bytes.length, null, (error, taken) => {
    if (error !== null && (error as NodeJS.ErrnoException).code === 'EAGAIN')
      setTimeout(() => writeAll(fd, bytes, done), 20).unref();
    else if (error !== null) done(error);
    else if (taken < bytes.length) writeAll(fd, bytes.subarray(taken), done);
    else done(undefined);
  });
}

class DescriptorSink implements FileLogSink {
  readonly #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  write(block: string, done: (error: Error | undefined) => void): void {
    writeAll(this.#fd, Buffer.from(block, 'utf8'), done);
  }
  reopen(done: (error: Error | undefined) => void): void {
    done(undefined);
  }
  close(): void {}
}

class PathSink implements FileLogSink {
  readonly #path: string;
  #fd: number | undefined = undefined;

  constructor(path: string) {
    this.#path = path;
  }

  write(block: string, done: (error: Error | undefined) => void): void {
    const bytes = Buffer.from(block, 'utf8');
    if (this.#fd !== undefined) return writeAll(this.#fd, bytes, done);
    this.#open((error) => (error === undefined ? writeAll(this.#fd as number, bytes, done) : done(error)));
  }

  /** The old file is closed only once the new one is open: a failure keeps the old. */
  reopen(done: (error: Error | undefined) => void): void {
    const old = this.#fd;
    this.#open((error) => {
      if (error === undefined && old !== undefined) close(old);
      done(error);
    });
  }

  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
    this.#fd = undefined;
  }

  #open(done: (error: Error | undefined) => void): void {
    open(this.#path, 'a', 0o640, (error, fd) => {
      if (error !== null) return done(error);
      // A folder opens for reading on some systems; only what can be appended to is a log.
      fstat(fd, (failed, stat) => {
        if (failed !== null || stat.isDirectory()) {
          close(fd);
          return done(failed ?? new Error(`${this.#path} is a folder`));
        }
        this.#fd = fd;
        done(undefined);
      });
    });
  }
}
