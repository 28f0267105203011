// Puts another proxy in the place of a workload's present one while the application and its connections live on: a
// stand-in of the program as it is installed now takes the listening sockets, what is open here ends, this process becomes
// the new program with the same sockets, and the stand-in drains (docs/proxy-proofs.md). An agent that fails by itself
// becomes its own successor at once: what was under way is lost, connections that wait are not.
import { spawn } from 'node:child_process';
import process from 'node:process';
import type { Clock, Logger } from '#base';
import type { AgentCapture, CaptureBooks } from './agent-capture.ts';
import {
  becomeSuccessor,
  type ChangedFlags,
  type Inheritance,
  inheritanceVariable,
  keptOverExec,
  renumbered,
} from './agent-inheritance.ts';
import type { Plan } from './agent-plan.ts';
import { readConcurrency } from './concurrency.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** What is open at the proxy that is replaced may take as long, where nobody says otherwise. */
const DRAIN_S = 10;
const READY_MS = 60_000;
const LOOK_MS = 1_000;
const END_LOOK_MS = 20;
/** A stand-in ends with its workload: below the supervisor's patience. */
const END_MS = 1_000;
/** Standard streams and the channel. */
const FIRST_DESCRIPTOR = 4;
const CRASHES_MAX = 3;
const CRASH_WINDOW_MS = 60_000;
const CRASHED_STATUS = 7;
const LEVELS = ['debug', 'info', 'warn', 'error'];

export interface AgentReplacementOptions {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly log: Logger;
  readonly inherited: Inheritance | undefined;
  readonly books: CaptureBooks;
  readonly capture: AgentCapture | undefined;
  readonly app: () => { readonly pid: number | undefined; readonly program: string } | undefined;
  /** Lets what is open end and closes all that the successor opens anew. */
  readonly leave: (drainMs: number) => Promise<void>;
}

export class AgentReplacement {
  readonly #options: AgentReplacementOptions;
  #ready = false;
  #begun = false;
  #standIn: ProcessIdentity | undefined = undefined;

  constructor(options: AgentReplacementOptions) {
    this.#options = options;
  }

  /** Of a stand-in. */
  get drainMs(): number {
    return drainMsOf(this.#options.inherited?.changed ?? {});
  }

  /** All listeners have their sockets: who stood in may go, and from now on a failure is survived. */
  ready(): void {
    const { inherited, books, log } = this.#options;
    this.#ready = true;
    books.outside.dropInherited();
    books.inside.dropInherited();
    if (inherited?.role === 'stand-in') {
      process.send?.({ standsIn: identify(process.pid) }, () => process.disconnect());
      return;
    }
    if (inherited?.standIn !== undefined) signal(inherited.standIn, 'SIGTERM');
    if (inherited !== undefined) log.info('the proxy was replaced', { epoch: inherited.epoch });
    if (this.#impossible() === undefined) process.on('uncaughtException', (error) => this.#crashed(error));
  }

  /** A sentence where it can't be; otherwise it goes on by itself. */
  begin(changed: ChangedFlags): string | undefined {
    const problem = this.#impossible() ?? problemOf(changed);
    if (problem !== undefined) return problem;
    if (!this.#ready) return 'the proxy is not ready yet';
    if (this.#begun) return 'the proxy is being replaced already';
    this.#begun = true;
    void this.#replace(changed).catch((error: unknown) => {
      this.#begun = false;
      this.#options.log.error('the proxy was not replaced: it goes on', { reason: String(error) });
    });
    return undefined;
  }

  /** The workload ends: nobody stands in for it any more. */
  async end(): Promise<void> {
    await ended(this.#standIn, this.#options.clock);
  }

  #impossible(): string | undefined {
    const { plan, inherited } = this.#options;
    if (plan.envoy !== undefined) return 'with --data-plane envoy it is Envoy that is replaced: end its process';
    if (process.platform !== 'linux') return 'sockets are handed over on Linux only: start the workload anew';
    return inherited?.role === 'stand-in' ? 'this proxy only stands in' : undefined;
  }

  async #replace(changed: ChangedFlags): Promise<void> {
    const { log, leave } = this.#options;
    log.info('another proxy takes over', changed as Readonly<Record<string, string>>);
    this.#standIn = await startStandIn(this.#left('stand-in', changed));
    const left = keptOverExec({ ...this.#left('successor', changed), standIn: this.#standIn });
    await leave(drainMsOf(changed));
    becomeSuccessor(left);
  }

  #crashed(error: unknown): void {
    const { log, clock } = this.#options;
    log.error('the agent failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    const now = clock.wallTime();
    const left = this.#left('successor', {});
    const recent = left.crashedMs.filter((at) => now - at < CRASH_WINDOW_MS);
    if (recent.length >= CRASHES_MAX) process.exit(CRASHED_STATUS);
    try {
      becomeSuccessor(keptOverExec({ ...left, standIn: this.#standIn, crashedMs: [...recent, now] }));
    } catch (failed) {
      log.error('the agent could not be started again', { reason: String(failed) });
      process.exit(CRASHED_STATUS);
    }
  }

  #left(role: Inheritance['role'], changed: ChangedFlags): Inheritance {
    const { plan, inherited, books, capture, app } = this.#options;
    const { capture: tier, boundPorts, httpProxyPort, block, adminPort, statusPort } = plan;
    const running = app();
    const known = running?.pid === undefined ? undefined : identify(running.pid);
    const epoch = inherited?.epoch ?? 0;
    return {
      role,
      epoch: role === 'successor' ? epoch + 1 : epoch,
      plan: { capture: tier, boundPorts, httpProxyPort, block, adminPort, statusPort },
      changed: { ...inherited?.changed, ...changed },
      outside: books.outside.descriptors(),
      inside: books.inside.descriptors(),
      namespace: capture?.remains(role === 'successor' ? 'own' : 'more'),
      agent: identify(process.pid) ?? { pid: process.pid, startTicks: 0 },
      app:
        running?.pid === undefined
          ? undefined
          : { ...(known ?? { pid: running.pid, startTicks: 0 }), program: running.program },
      standIn: undefined,
      crashedMs: inherited?.crashedMs ?? [],
    };
  }
}

/** For a stand-in: the agent's death is its own end. */
export function followAgent(agent: ProcessIdentity, clock: Clock, gone: () => void): void {
  const look = (): void => {
    if (isAlive(agent)) clock.setTimer(LOOK_MS, look, { unref: true });
    else gone();
  };
  look();
  // Until it is told that we serve, nobody knows our number.
  process.once('disconnect', () => {
    if (!isAlive(agent)) gone();
  });
}

export async function endStandIn(inherited: Inheritance | undefined, clock: Clock): Promise<void> {
  await ended(inherited?.standIn, clock);
}

function drainMsOf({ drainTimeS }: ChangedFlags): number {
  return Number(drainTimeS ?? DRAIN_S) * 1000;
}

function problemOf({ concurrency, logLevel, drainTimeS }: ChangedFlags): string | undefined {
  if (drainTimeS !== undefined && !/^\d{1,4}$/.test(drainTimeS))
    return `--drain-time-s: "${drainTimeS}" is no number of seconds up to 9999`;
  if (logLevel !== undefined && !LEVELS.includes(logLevel))
    return `--log-level: "${logLevel}" is none of ${LEVELS.join(', ')}`;
  try {
    readConcurrency(concurrency ?? '');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Through a shell that ends at once: nobody would wait for a child that this program did not start after it became another. */
function startStandIn(left: Inheritance): Promise<ProcessIdentity> {
  const { left: told, stdio } = renumbered(left, FIRST_DESCRIPTOR);
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('sh', ['-c', '"$@" &', 'topsail', ...program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...stdio],
    env: { ...process.env, ...inheritanceVariable(told) },
  });
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      clearTimeout(late);
      if (child.connected) child.disconnect();
      reject(new Error(reason));
    };
    const late = setTimeout(() => fail(`no proxy was ready within ${READY_MS / 1000} s`), READY_MS);
    child.once('error', (error) => fail(error.message));
    child.once('disconnect', () => fail('it ended before it was ready'));
    child.once('message', (message: { readonly standsIn: ProcessIdentity }) => {
      clearTimeout(late);
      child.removeAllListeners('disconnect');
      resolve(message.standsIn);
    });
  });
}

function signal(one: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    if (isAlive(one)) process.kill(one.pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}

async function ended(one: ProcessIdentity | undefined, clock: Clock): Promise<void> {
  if (one === undefined || !isAlive(one)) return;
  signal(one, 'SIGTERM');
  const until = clock.now() + END_MS;
  while (isAlive(one) && clock.now() < until)
    await new Promise<void>((resolve) => void clock.setTimer(END_LOOK_MS, resolve));
  signal(one, 'SIGKILL');
}
