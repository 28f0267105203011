// A process of the control plane's benchmarks, and questions to it.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export class Peer {
  readonly process: ChildProcess;

  constructor(file: string, env: Record<string, string> = {}, args: readonly string[] = []) {
    this.process = fork(join(import.meta.dirname, file), { env: { ...process.env, ...env }, execArgv: [...args] });
    this.process.setMaxListeners(0);
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
