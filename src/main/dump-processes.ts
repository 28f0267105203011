// Renders the proxy's configuration as JSON in a process of its own, which ends some seconds after the last page: what
// protobuf-es and all descriptors take (25 MB, a part of it for good) goes with that process, and the 0.4 s of work are
// not the traffic's thread's. It keeps nothing: each page is of a parcel that is packed when it is asked for.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import process from 'node:process';
import type { Writable } from 'node:stream';
import type { Clock, Logger, StreamedAnswer, Timer } from '#base';
import type { DumpApart } from '#proxy';
import { SMALL_HEAP, SMALL_MALLOC } from './node-settings.ts';
import { PAGE_END, PageReader } from './page-frames.ts';
import { RENDER_DUMP } from './render-dump-word.ts';

/** One at a time: each takes 75 MB while it runs, beside a proxy that may have been given less. Others wait so long. */
const WAIT_MS = 10_000;
/** From start to end, the reader's pace included. */
const LIMIT_MS = 120_000;
/** After a page, before its process ends. */
const REST_MS = 5000;
/** What handing over takes of the traffic's thread before others have a turn. */
const TURN_MS = 1;

export interface DumpProcessesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** What is started; default: this program. */
  readonly command?: readonly string[] | undefined;
  readonly waitMs?: number;
  readonly limitMs?: number;
  readonly restMs?: number | undefined;
}

export class DumpProcesses {
  readonly #options: DumpProcessesOptions;
  readonly #waiting = new Set<() => void>();
  #isBusy = false;
  /** The one that renders, or rests after a page. */
  #renderer: Renderer | undefined;
  #rest: Timer | undefined;
  /** Of the page that is under way. */
  #pageOver: (() => void) | undefined;

  constructor(options: DumpProcessesOptions) {
    this.#options = options;
  }

  readonly render: DumpApart = async (parcel, gone) => {
    const { clock, limitMs = LIMIT_MS } = this.#options;
    if (!(await this.#admit(gone))) return refused('another dump is being read; ask again when it has ended');
    const rested = this.#wake();
    const renderer = rested ?? (await start(this.#options.command));
    if ('problem' in renderer) {
      this.#leave();
      return this.#here(renderer.problem);
    }
    if (rested === undefined) this.#keep(renderer);
    const { child, ended, stdin, pages } = renderer;
    let stopped: string | undefined;
    const stop = (reason: string): void => {
      stopped ??= reason;
      child.kill('SIGKILL');
    };
    const left = (): void => stop('nobody reads it any more');
    gone.addEventListener('abort', left);
    if (gone.aborted) left();
    const limit = clock.setTimer(limitMs, () => stop(`it was not done within ${limitMs / 1000} s`), { unref: true });
    let isOver = false;
    const over = (isWhole: boolean): void => {
      if (isOver) return;
      isOver = true;
      this.#pageOver = undefined;
      limit.cancel();
      gone.removeEventListener('abort', left);
      if (isWhole) this.#restAWhile(renderer);
      this.#leave();
    };
    this.#pageOver = () => over(false);
    void handOver(parcel, stdin, clock).catch((error: unknown) => stop(messageOf(error)));
    const first = await pages.next();
    if (first === undefined) {
      const end = await ended;
      // Killed by the system, as where memory is short: here it would take the traffic's.
      if (stopped !== undefined || end === 'SIGKILL')
        return refused(stopped ?? 'the process that renders it was killed');
      // It ended while it rested, and nobody had heard of it yet.
      return rested === undefined ? this.#here(end) : refused('the process that renders it ended; ask again');
    }
    return { status: 200, contentType: 'application/json', body: page(first) };

    async function* page(first: Uint8Array | typeof PAGE_END): AsyncGenerator<Uint8Array> {
      for (let next: typeof first | undefined = first; next !== PAGE_END; next = await pages.next()) {
        if (next === undefined) {
          const end = await ended;
          if (gone.aborted) return;
          throw new Error(`/config_dump ended early: ${stopped ?? end}`);
        }
        yield next;
      }
      over(true);
    }
  };

  close(): void {
    this.#rest?.cancel();
    this.#renderer?.child.kill('SIGKILL');
  }

  #keep(renderer: Renderer): void {
    this.#renderer = renderer;
    void renderer.ended.then(() => {
      // One that has rested enough is forgotten already, and a page may be another's.
      if (this.#renderer !== renderer) return;
      this.#forget(renderer);
      this.#pageOver?.();
    });
  }

  #forget(renderer: Renderer): void {
    if (this.#renderer !== renderer) return;
    this.#rest?.cancel();
    this.#renderer = undefined;
  }

  #wake(): Renderer | undefined {
    this.#rest?.cancel();
    const rested = this.#renderer;
    if (rested === undefined) return undefined;
    for (const one of [rested.child, rested.stdin, rested.stdout]) one.ref();
    return rested;
  }

  /** For whoever reads it every second: starting another one takes longer than the page. It keeps this process from nothing. */
  #restAWhile(renderer: Renderer): void {
    const { clock, restMs = REST_MS } = this.#options;
    for (const one of [renderer.child, renderer.stdin, renderer.stdout]) one.unref();
    const end = (): void => {
      this.#forget(renderer);
      renderer.child.kill('SIGKILL');
    };
    this.#rest = clock.setTimer(restMs, end, { unref: true });
  }

  #here(reason: string): undefined {
    this.#options.log.warn('/config_dump is rendered in this process, beside the traffic: no other could be started', {
      reason,
    });
    return undefined;
  }

  /** False: not in time, or the reader left. */
  #admit(gone: AbortSignal): Promise<boolean> {
    if (gone.aborted) return Promise.resolve(false);
    if (!this.#isBusy) {
      this.#isBusy = true;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const end = (isAdmitted: boolean): void => {
        timer.cancel();
        gone.removeEventListener('abort', left);
        this.#waiting.delete(enter);
        resolve(isAdmitted);
      };
      const enter = (): void => end(true);
      const left = (): void => end(false);
      const timer = this.#options.clock.setTimer(this.#options.waitMs ?? WAIT_MS, left, { unref: true });
      gone.addEventListener('abort', left);
      this.#waiting.add(enter);
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#isBusy = false;
    else next();
  }
}

interface Renderer {
  readonly child: ChildProcess;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly pages: PageReader;
  /** '' when it did its work; otherwise the signal's name, or what went wrong. */
  readonly ended: Promise<string>;
}

async function start(
  [program = '', ...args]: readonly string[] = [
    process.execPath,
    ...SMALL_HEAP,
    process.argv[1] as string,
    RENDER_DUMP,
  ],
): Promise<Renderer | { readonly problem: string }> {
  try {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: quickEnvironment() });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? (code === 0 ? '' : `status ${code}`)));
    });
    // Pipes are sockets.
    const [stdin, stdout] = [child.stdin as Socket, child.stdout as Socket];
    if (child.pid === undefined) return { problem: await ended };
    // Its end says why.
    stdin.on('error', () => {});
    return { child, stdin, stdout, pages: new PageReader(stdout), ended };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** Malloc's settings that keep a process small for long cost this one a fifth of its time, and save it nothing. */
function quickEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !(name in SMALL_MALLOC)));
}

/** Stays open afterwards: its end tells the other process that this one is gone. */
async function handOver(parcel: Iterable<Uint8Array>, stdin: Writable, clock: Clock): Promise<void> {
  let since = clock.now();
  for (const piece of parcel) {
    if (stdin.destroyed) return;
    if (piece.length > 0 && !stdin.write(piece)) await drained(stdin);
    if (clock.now() - since < TURN_MS) continue;
    await new Promise(setImmediate);
    since = clock.now();
  }
}

function drained(stdin: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stdin.off('drain', done);
      stdin.off('close', done);
      resolve();
    };
    stdin.on('drain', done);
    stdin.on('close', done);
  });
}

function refused(reason: string): StreamedAnswer {
  return { status: 503, contentType: 'text/plain; charset=UTF-8', body: `/config_dump: ${reason}\n` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
