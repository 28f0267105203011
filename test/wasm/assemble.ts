// Plugins for tests, from their sources beside this file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';

const assembler = wabt();

/** `name` of a .wat file here, or the text itself. */
export async function assemble(source: string): Promise<Uint8Array> {
  const text = source.startsWith('(') ? source : readFileSync(join(import.meta.dirname, `${source}.wat`), 'utf8');
  const parsed = (await assembler).parseWat(`${source.slice(0, 20)}.wat`, text);
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}
