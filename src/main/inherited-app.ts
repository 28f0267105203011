// The application of the agent before this one: still our child, though this program did not start it. How it ended
// stands in /proc until we end too.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import type { App, AppEnd } from './app-process.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** A signal that came before we listened must not be the only word. */
const LOOK_MS = 250;
const EXIT_CODE = 49;
const CANNOT_TELL = 1;

export class InheritedApp implements App {
  readonly ended: Promise<AppEnd>;
  readonly #process: ProcessIdentity;
  #over = false;

  constructor({ pid, startTicks }: ProcessIdentity) {
    this.#process = { pid, startTicks };
    const end = Promise.withResolvers<AppEnd>();
    this.ended = end.promise;
    const look = (): void => {
      if (this.#over || isAlive(this.#process)) return;
      this.#over = true;
      clearInterval(timer);
      process.off('SIGCHLD', look);
      end.resolve(endOf(pid));
    };
    const timer = setInterval(look, LOOK_MS);
    process.on('SIGCHLD', look);
    process.once('exit', () => this.#kill('SIGKILL'));
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return !this.#over;
  }

  async end(patienceMs: number): Promise<void> {
    if (this.#over) return;
    this.#kill('SIGTERM');
    const force = setTimeout(() => this.#kill('SIGKILL'), patienceMs);
    await this.ended;
    clearTimeout(force);
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#over || identify(this.pid) === undefined) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

/** A child that is over keeps its number until somebody waits for it: nobody does. */
function endOf(pid: number): AppEnd {
  let word: number;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    word = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[EXIT_CODE]);
  } catch {
    return { status: CANNOT_TELL, text: 'it is gone' };
  }
  const signal = word & 0x7f;
  if (signal === 0) return { status: word >> 8, text: `status ${word >> 8}` };
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return { status: 128 + signal, text: name ?? `signal ${signal}` };
}
