// Runs trials on both planes and collects what differs.
import { type Backend, startBackend } from './backend.ts';
import { send } from './client.ts';
import { differing, factsOf } from './compare.ts';
import type { Ask, Facts, Trial } from './model.ts';
import { type RunningPlane, startPlane } from './planes.ts';

export interface Found {
  readonly trial: Trial;
  readonly ask: Ask;
  readonly topsail: Facts;
  readonly envoy: Facts;
  readonly differing: readonly string[];
}

/** Configuration that a plane took alone, or neither did. */
export interface Refused {
  readonly trial: Trial;
  /** Its words, where it refused. */
  readonly topsail: string;
  readonly envoy: string;
}

export interface Outcome {
  asked: number;
  readonly found: Found[];
  readonly refused: Refused[];
}

const AT_ONCE = 24;
const LOG_WITHIN_MS = 5_000;

export async function runTrials(trials: readonly Trial[], into: Outcome): Promise<void> {
  const backends = await Promise.all([startBackend(), startBackend()]);
  try {
    await runTogether(trials, backends, into);
  } finally {
    for (const backend of backends) backend.close();
  }
}

/** One bootstrap for all of them; of one that is refused, each half by itself. */
async function runTogether(trials: readonly Trial[], backends: readonly Backend[], into: Outcome): Promise<void> {
  const [topsail, envoy] = await Promise.all([
    startPlane('topsail', trials, backends[0] as Backend),
    startPlane('envoy', trials, backends[1] as Backend),
  ]);
  try {
    if (typeof topsail !== 'string' && typeof envoy !== 'string') {
      await compare(trials, [topsail, envoy], backends, into);
      return;
    }
  } finally {
    await Promise.all([topsail, envoy].map(async (plane) => typeof plane !== 'string' && (await plane.close())));
  }
  if (trials.length > 1) {
    const half = trials.length >> 1;
    await runTogether(trials.slice(0, half), backends, into);
    await runTogether(trials.slice(half), backends, into);
    return;
  }
  const words = (plane: RunningPlane | string): string => (typeof plane === 'string' ? plane : '');
  into.refused.push({ trial: trials[0] as Trial, topsail: words(topsail), envoy: words(envoy) });
}

async function compare(
  trials: readonly Trial[],
  planes: readonly RunningPlane[],
  backends: readonly Backend[],
  into: Outcome,
): Promise<void> {
  const jobs = trials.flatMap((trial, at) => trial.asks.map((ask, nth) => ({ trial, ask, at, id: `${at}-${nth}` })));
  const answers = await inParallel(jobs, ({ trial, ask, at, id }) =>
    Promise.all(planes.map((plane) => send(trial.client, plane.ports[at] as number, ask, id))),
  );
  const logs = await Promise.all(planes.map((plane) => loggedAll(plane, jobs.length)));
  jobs.forEach(({ trial, ask, id }, i) => {
    const [topsail, envoy] = planes.map((_, which) =>
      factsOf(
        (answers[i] as Awaited<ReturnType<typeof send>>[])[which] as Awaited<ReturnType<typeof send>>,
        backends[which]?.arrivals.get(id) ?? [],
        logs[which]?.get(id) ?? '',
      ),
    ) as [Facts, Facts];
    const names = differing(topsail, envoy);
    into.asked++;
    if (names.length > 0) into.found.push({ trial, ask, topsail, envoy, differing: names });
  });
  for (const backend of backends) backend.arrivals.clear();
}

/** The log once it has that many lines, or no more come. */
async function loggedAll(plane: RunningPlane, count: number): Promise<ReadonlyMap<string, string>> {
  let lines = plane.logged();
  let still = performance.now();
  while (lines.size < count && performance.now() - still < LOG_WITHIN_MS) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = plane.logged();
    if (now.size > lines.size) still = performance.now();
    lines = now;
  }
  return lines;
}

async function inParallel<T, R>(list: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < list.length; i = next++) results[i] = await work(list[i] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
