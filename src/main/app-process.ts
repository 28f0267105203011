// The application as the agent's child: its output is ours, its status becomes ours, it never outlives us.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { mortal } from './mortal.ts';

export interface AppEnd {
  /** As a shell would say it: 128 + signal, 127 when it could not be started. */
  readonly status: number;
  readonly text: string;
}

export interface App {
  readonly ended: Promise<AppEnd>;
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Asks it to end, then makes it. */
  end(patienceMs: number): Promise<void>;
}

export class AppProcess implements App {
  readonly ended: Promise<AppEnd>;
  readonly #child: ChildProcess;
  #over = false;

  /** `child` is the application, or becomes it. */
  constructor(child: ChildProcess, program: string) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error: NodeJS.ErrnoException) => {
        this.#over = true;
        resolve({
          status: error.code === 'ENOENT' ? 127 : 126,
          text: `${program} could not be started: ${error.message}`,
        });
      });
      this.#child.once('exit', (code, signal) => {
        this.#over = true;
        resolve(
          signal === null
            ? { status: code ?? 0, text: `status ${code}` }
            : { status: 128 + constants.signals[signal], text: signal },
        );
      });
    });
    // Whatever ends this process, the application goes with it.
    process.once('exit', () => {
      if (!this.#over) this.#child.kill('SIGKILL');
    });
  }

  static spawn(command: readonly string[], own: Readonly<Record<string, string>>): AppProcess {
    const env = { ...process.env, ...own };
    const [first = '', ...args] = mortal(command, env['PATH']);
    return new AppProcess(spawn(first, args, { stdio: 'inherit', env }), command[0] ?? '');
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return !this.#over;
  }

  async end(patienceMs: number): Promise<void> {
    if (this.#over) return;
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    await this.ended;
    clearTimeout(force);
  }
}
