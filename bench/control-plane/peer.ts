// A process of the control plane's benchmarks, and questions to it.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { SMALL_HEAP, SMALL_MALLOC } from '../../src/main/node-settings.ts';

const BUNDLES = join(import.meta.dirname, '../../.cache/bench');

export class Peer {
  readonly process: ChildProcess;

  private constructor(path: string, env: Record<string, string>, args: readonly string[]) {
    this.process = fork(path, { env: { ...process.env, ...env }, execArgv: [...args] });
    this.process.setMaxListeners(0);
  }

  /** From its sources: what it costs is not counted. */
  static fleet(): Peer {
    return new Peer(join(import.meta.dirname, 'clients.ts'), {}, []);
  }

  /** As the image runs it: one bundled file, with the image's settings of Node and malloc (`src/main/image-files.ts`). */
  static async plane(env: Record<string, string>, args: readonly string[] = []): Promise<Peer> {
    const outfile = join(BUNDLES, 'control-plane.js');
    await build({
      entryPoints: [join(import.meta.dirname, 'serve.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      external: ['koffi'],
      minifySyntax: true,
      minifyWhitespace: true,
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
      logLevel: 'warning',
    });
    return new Peer(outfile, { ...SMALL_MALLOC, ...env }, [...SMALL_HEAP, ...args]);
  }

  send(message: object): void {
    this.process.send(message);
  }

  next<T>(field: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('a process of the benchmark ended'));
      const heard = (message: Readonly<Record<string, T>>): void => {
        if (!(field in message)) return;
        this.process.off('message', heard as never);
        this.process.off('exit', ended);
        resolve(message[field] as T);
      };
      this.process.on('message', heard as never);
      this.process.once('exit', ended);
    });
  }

  ask<T>(message: object, field: string): Promise<T> {
    const answer = this.next<T>(field);
    this.send(message);
    return answer;
  }
}
