// What every route refers to, as it is now: kept over a restart, a subset that went meanwhile still has its former meaning.

import { retainReferencesOf } from './retain-references.ts';
import { NOTHING_RETAINED, type Retained, type Snapshot } from './snapshot.ts';

/** Version of the text; another one is not read. */
const FORMAT = 1;

/** Input for the first snapshot of a later process (`PusherOptions.retained`). */
export function retainedText(snapshot: Snapshot): string {
  const { subsets, virtualServices } = retainReferencesOf(snapshot);
  return JSON.stringify({
    format: FORMAT,
    subsets: [...subsets].sort(byKey),
    virtualServices: [...virtualServices].sort(byKey),
  });
}

/** Nothing is retained where the text is none of ours. */
export function readRetained(text: string): Retained {
  try {
    const read = JSON.parse(text) as {
      format?: unknown;
      subsets: Iterable<readonly [string, never]>;
      virtualServices: Iterable<readonly [string, never]>;
    };
    return read.format === FORMAT
      ? { subsets: new Map(read.subsets), virtualServices: new Map(read.virtualServices) }
      : NOTHING_RETAINED;
  } catch {
    return NOTHING_RETAINED;
  }
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
