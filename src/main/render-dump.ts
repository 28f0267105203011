// The other end of dump-processes.ts: reads a parcel from stdin, writes its page to stdout, and ends; also when its
// proxy ends before.
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DumpParcel, isRefusal, ParcelReader, readDumpOrder, renderDump } from '#proxy/dump';

/** Characters written at once. */
const PIECE_CHARS = 32_768;

export async function renderDumpOfStdin(): Promise<void> {
  dieFirst();
  // Nobody is there that reads it, or could hear of it.
  process.stdout.on('error', () => process.exit(1));
  const { query, view } = await readParcel();
  const order = await readDumpOrder(query);
  if (isRefusal(order)) throw new Error('an order that is refused is none');
  let gathered = '';
  for await (const piece of renderDump(view, order)) {
    gathered += piece;
    if (gathered.length < PIECE_CHARS) continue;
    await written(gathered);
    gathered = '';
  }
  await written(gathered);
  process.stdin.destroy();
}

function readParcel(): Promise<DumpParcel> {
  return new Promise((resolve) => {
    const reader = new ParcelReader();
    process.stdin.on('data', (chunk: Buffer) => {
      const parcel = reader.push(chunk);
      if (parcel !== undefined) resolve(parcel);
    });
    process.stdin.on('end', () => process.exit(1));
  });
}

/** Once it left; and stdin had its turn. */
async function written(text: string): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write(text, () => resolve()));
  await nextTurn();
}

/** Where memory runs out the system ends this process, not the one with the traffic. */
function dieFirst(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // A system that has no such thing, or does not let it be changed.
  }
}
