// The areas that trials are made for, and a number of their seeds run one after another.
import { makeFilters } from './filters.ts';
import type { Trial } from './model.ts';
import { makeRetries } from './retries.ts';
import { makeRoutes } from './routes.ts';
import { type Outcome, runTrials } from './trials.ts';

export const AREAS: Readonly<Record<string, (seed: number) => Trial>> = {
  routes: (seed) => makeRoutes(seed, 'h1', 'h1'),
  'routes-h1-h2': (seed) => makeRoutes(seed, 'h1', 'h2'),
  'routes-h2-h1': (seed) => makeRoutes(seed, 'h2', 'h1'),
  filters: (seed) => makeFilters(seed, 'h1', 'h1'),
  retries: (seed) => makeRetries(seed, 'h1', 'h1'),
  'retries-h1-h2': (seed) => makeRetries(seed, 'h1', 'h2'),
};

/** Trials of one bootstrap. */
const TOGETHER = 50;

/** Of each area the seeds from `seed` on. */
export async function runAreas(areas: readonly string[], seed: number, runs: number): Promise<Outcome> {
  const trials = areas.flatMap((area) => {
    const make = AREAS[area];
    if (make === undefined) throw new Error(`No area "${area}"; there are ${Object.keys(AREAS).join(', ')}.`);
    return Array.from({ length: runs }, (_, i) => ({ ...make(seed + i), area }));
  });
  const outcome: Outcome = { asked: 0, found: [], refused: [] };
  for (let at = 0; at < trials.length; at += TOGETHER) await runTrials(trials.slice(at, at + TOGETHER), outcome);
  return outcome;
}
