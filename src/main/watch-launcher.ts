// Notices that whoever started us is gone: the parent, and under npm every process up to npm itself.
import process from 'node:process';
import { commandLine, identify, isAlive, parentOf, type ProcessIdentity } from './process-identity.ts';

const LOOK_MS = 500;
const MOST_ANCESTORS = 8;

export function watchLauncher(gone: (who: string) => void): void {
  const watched = launchers();
  const timer = setInterval(() => {
    const dead = watched.find((one) => !isAlive(one));
    if (dead === undefined) return;
    clearInterval(timer);
    gone(`its launcher (process ${dead.pid}) is gone`);
  }, LOOK_MS);
  timer.unref();
}

/** Killing npm leaves its shell waiting for us, so the shell's life says nothing: npm itself is watched. */
function launchers(): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  const underNpm = (process.env['npm_lifecycle_event'] ?? '') !== '';
  let pid: number | undefined = process.ppid;
  for (let i = 0; i < MOST_ANCESTORS && pid !== undefined && pid > 1; i++) {
    const one = identify(pid);
    if (one === undefined) break;
    found.push(one);
    if (!underNpm || /(^|\/)npm(-cli\.js)?( |$)/.test(commandLine(pid))) break;
    pid = parentOf(pid);
  }
  return found;
}
