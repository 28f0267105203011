// Opens an address in the user's browser, with what the system has for it.
import { spawn } from 'node:child_process';
import process from 'node:process';

const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' };

export function openBrowser(url: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(OPENERS[process.platform] ?? 'xdg-open', [url], { stdio: 'ignore', detached: true });
    child.once('error', () => {
      process.stderr.write('No browser could be opened from here: open the address above.\n');
      resolve();
    });
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}
