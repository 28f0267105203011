// Keeps what routes refer to in a file, so that a restart forgets no former meaning of a subset (design 7: last good is input).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fs } from '#base';
import { type Pusher, readRetained, type Retained, retainedText } from '#push';
import type { Home } from './home.ts';

const FILE = 'retained.json';

export function restoreRetained(home: Home): Retained {
  try {
    return readRetained(readFileSync(join(home.state, FILE), 'utf8'));
  } catch {
    return readRetained('');
  }
}

export function keepRetained(pusher: Pusher, home: Home, fs: Fs): void {
  let written = '';
  let last: Promise<unknown> = Promise.resolve();
  pusher.subscribe((snapshot, diff) => {
    if (!diff.configuration) return;
    const text = retainedText(snapshot);
    if (text === written) return;
    written = text;
    last = last.then(() => fs.writeText(join(home.state, FILE), text, { mode: 0o600 })).catch(() => (written = ''));
  });
}
