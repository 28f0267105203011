// A proxy in a process of its own, from a bootstrap: what it counts and what memory it holds can be read from outside.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL_HEAP, SMALL_MALLOC } from '../../src/main/node-settings.ts';
import { meshEntry } from '../mesh/mesh.ts';
import { freePort } from '../mesh/test-ports.ts';

/** Generous: the machine may be doing other things. */
const START_MS = 300_000;

export class ProxyProcess {
  readonly adminPort: number;
  readonly #child: ChildProcess;

  private constructor(adminPort: number, child: ChildProcess) {
    this.adminPort = adminPort;
    this.#child = child;
  }

  /** `resources`: the bootstrap's static_resources; `environment`: beside this process's own. */
  static async start(
    resources: object,
    flags: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ProxyProcess> {
    const adminPort = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'topsail-proxy-'));
    const config = join(folder, 'bootstrap.json');
    const admin = { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } };
    writeFileSync(
      config,
      JSON.stringify({ node: { id: 'life', cluster: 'life' }, admin, static_resources: resources }),
    );
    // As the program and images start it: what a burst costs in time and memory depends on it.
    const child = spawn(
      process.execPath,
      [...SMALL_HEAP, meshEntry(), 'proxy', '-c', config, '--log-level', 'error', ...flags],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, ...SMALL_MALLOC, ...environment },
      },
    );
    const proxy = new ProxyProcess(adminPort, child);
    await proxy.#ready();
    rmSync(folder, { recursive: true, force: true });
    return proxy;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Private memory in bytes. */
  memory(): number {
    return this.#status('RssAnon');
  }

  /** All that is resident, in bytes: files that are mapped too. */
  resident(): number {
    return this.#status('VmRSS');
  }

  /** Milliseconds of CPU that it has used, to the tick (10). */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // Behind the name in brackets the third field of the page is the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Open descriptors. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async stats(): Promise<ReadonlyMap<string, number>> {
    const answer = await fetch(`http://127.0.0.1:${this.adminPort}/stats`, { headers: { connection: 'close' } });
    const lines = (await answer.text()).split('\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(':')), Number(line.slice(line.lastIndexOf(':') + 1))]),
    );
  }

  /** It ends by itself: another one took its place. */
  async gone(): Promise<void> {
    if (this.alive) await once(this.#child, 'exit');
  }

  /** SIGTERM as an orchestrator does it; resolves when the process is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.alive) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  #status(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  }

  async #ready(): Promise<void> {
    for (const end = performance.now() + START_MS; performance.now() < end && this.alive; await sleep(30)) {
      const answer = await fetch(`http://127.0.0.1:${this.adminPort}/ready`).catch(() => undefined);
      if (answer?.status === 200) return;
    }
    throw new Error('the proxy did not start');
  }
}
