// A proxyless client under `topsail run`, as its own workload: takes orders and answers with what it saw.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface, type Interface } from 'node:readline';
import { meshEntry, root, type TestMesh } from '../mesh/mesh.ts';
import { cleanEnv } from '../mesh/mesh-process.ts';

export type Counts = Readonly<Record<string, number>>;

export class ProxylessClient {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = '';

  /** `program` takes the target as its argument. */
  constructor(mesh: TestMesh, name: string, program: readonly string[], target: string) {
    const args = [
      'run',
      '--home',
      mesh.home,
      '--name',
      name,
      '--service-account',
      name,
      '--labels',
      `app=${name}`,
      '--capture',
      'none',
      '--',
      ...program,
      target,
    ];
    this.#child = spawn(process.execPath, [meshEntry(), ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...cleanEnv(),
        TOPSAIL_ROOT: root,
        GRPC_XDS_BOOTSTRAP: join(mesh.home, `${name}.grpc.json`),
        GRPC_VERBOSITY: process.env['GRPC_VERBOSITY'] ?? 'ERROR',
      },
    });
    this.#child.stderr?.on('data', (data: Buffer) => (this.#errors = (this.#errors + String(data)).slice(-4000)));
    this.#reader = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Versions and failures of that many calls. */
  async ask(count: number, headers: Readonly<Record<string, string>> = {}): Promise<Counts> {
    this.#child.stdin?.write(`${JSON.stringify({ count, headers })}\n`);
    return await this.#answer();
  }

  async ready(): Promise<void> {
    await this.#answer();
  }

  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => void this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    await gone;
    this.#reader.close();
  }

  /** The agent logs to the same output: only the client's own lines are objects of counts. */
  async #answer(): Promise<Counts> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`the client ended:\n${this.#errors}`);
      const line = /^\{(?:"[^"]*": ?\d+(?:, ?)?)*\}$/.exec(value);
      if (line !== null) return JSON.parse(value) as Counts;
      this.#errors = (this.#errors + value + '\n').slice(-4000);
    }
  }
}
