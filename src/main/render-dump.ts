// The other end of dump-processes.ts: reads parcels from stdin, writes their pages to stdout, one after another, and ends
// when its proxy does.
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DumpParcel, isRefusal, ParcelReader, readDumpOrder, renderDump } from '#proxy/dump';
import { PAGE_END_FRAME, pieceFrame } from './page-frames.ts';

/** Characters written at once. */
const PIECE_CHARS = 32_768;

export async function renderDumpsOfStdin(): Promise<never> {
  dieFirst();
  // Nobody is there that reads it, or could hear of it.
  process.stdout.on('error', () => process.exit(1));
  const next = parcelsOfStdin();
  for (;;) await renderPage(await next());
}

async function renderPage({ query, view }: DumpParcel): Promise<void> {
  const order = await readDumpOrder(query);
  if (isRefusal(order)) throw new Error('an order that is refused is none');
  let gathered = '';
  for await (const piece of renderDump(view, order)) {
    gathered += piece;
    if (gathered.length < PIECE_CHARS) continue;
    await written(pieceFrame(gathered));
    gathered = '';
  }
  if (gathered !== '') await written(pieceFrame(gathered));
  await written(PAGE_END_FRAME);
}

/** The next one comes when the last one's page has been read, which may be before its writer knows. */
function parcelsOfStdin(): () => Promise<DumpParcel> {
  let reader = new ParcelReader();
  let waiting = Promise.withResolvers<DumpParcel>();
  process.stdin.on('end', () => process.exit(1));
  process.stdin.on('data', (chunk: Buffer) => {
    const parcel = reader.push(chunk);
    if (parcel === undefined) return;
    reader = new ParcelReader();
    waiting.resolve(parcel);
  });
  return async () => {
    const parcel = await waiting.promise;
    waiting = Promise.withResolvers();
    return parcel;
  };
}

/** Once it left; and stdin had its turn. */
async function written(frame: Buffer): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write(frame, () => resolve()));
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
