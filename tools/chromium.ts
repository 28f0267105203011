// Where Chromium is on this machine, and how it is started without a display and without calling home.
import { existsSync } from 'node:fs';
import process from 'node:process';

export const CHROMIUM_FLAGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PLACES: readonly string[] = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function findChromium(): string {
  const found = [process.env['CHROMIUM_PATH'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path));
  if (found === undefined)
    throw new Error(
      'There is no Chromium on this machine: install the package chromium, or say where it is with CHROMIUM_PATH.',
    );
  return found;
}
