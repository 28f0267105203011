// Notices that whoever started us is gone: the parent, and under npm every process up to npm itself.
import process from 'node:process';
import { commandLine, identify, isAlive, parentOf, type ProcessIdentity } from './process-identity.ts';

const LOOK_MS = 500;
const MOST_ANCESTORS = 8;

/** `ended` is told who ended, once. */
export function watchLauncher(ended: (who: string) => void): void {
  const watched = launchers();
  const timer = setInterval(() => {
    const dead = watched.find((one) => !isAlive(one));
    if (dead === undefined) return;
    clearInterval(timer);
    ended(underNpm() ? 'npm has ended' : `the process that started it (${dead.pid}) has ended`);
  }, LOOK_MS);
  timer.unref();
}

function underNpm(): boolean {
  return (process.env['npm_lifecycle_event'] ?? '') !== '';
}

/** Killing npm leaves its shell waiting for us, so the shell's life says nothing: npm itself is watched. */
function launchers(): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  let pid: number | undefined = process.ppid;
  for (let i = 0; i < MOST_ANCESTORS && pid !== undefined && pid > 1; i++) {
    const one = identify(pid);
    if (one === undefined) break;
    found.push(one);
    if (!underNpm() || /(^|\/)npm(-cli\.js)?( |$)/.test(commandLine(pid))) break;
    pid = parentOf(pid);
  }
  return found;
}
