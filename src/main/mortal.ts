// A command that the kernel ends with us, should we be killed: what we start never outlives us.
import process from 'node:process';
import { onPath } from './on-path.ts';

/** Unchanged where the system has no setpriv (util-linux), or has no such command: that is left to say so itself. */
export function mortal(command: readonly string[], path?: string): readonly string[] {
  if (process.platform !== 'linux' || onPath('setpriv') === undefined || onPath(command[0] ?? '', path) === undefined)
    return command;
  return ['setpriv', '--pdeathsig', 'KILL', '--', ...command];
}
