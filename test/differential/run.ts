// Compares our proxy with Envoy: random objects of a mesh (`--pairs`), or random static bootstraps by area.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runPairs } from './pairs.ts';
import { AREAS, runAreas } from './static/areas.ts';
import { differingLines } from './static/compare.ts';
import type { Outcome } from './static/trials.ts';

const HELP = `Usage: node test/differential/run.ts [--seed S] [--pairs N | --area AREA [--runs N]] [--show N]

  --seed S     the first seed (1)
  --pairs N    so many requests to meshes of random objects (5000)
  --area AREA  instead, random bootstraps: ${Object.keys(AREAS).join(', ')}, or all
  --runs N     seeds of each area, 24 requests each (50)
  --show N     differences that are shown whole (3)
  --help       this
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    pairs: { type: 'string', default: '5000' },
    area: { type: 'string' },
    runs: { type: 'string', default: '50' },
    show: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const show = Number(values.show);
const started = performance.now();
if (values.help) process.stdout.write(HELP);
else process.exitCode = values.area === undefined ? await pairs(Number(values.pairs)) : await bootstraps(values.area);

function took(): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

async function pairs(count: number): Promise<number> {
  const { pairs: done, found, rejected } = await runPairs(seed, count);
  const kinds = new Map<string, number>();
  for (const one of found) for (const text of one.differences) kinds.set(text, (kinds.get(text) ?? 0) + 1);
  for (const [text, times] of [...kinds].sort((a, b) => b[1] - a[1]).slice(0, 40)) console.log(`${times} x ${text}`);
  for (const one of found.slice(0, show))
    console.log(`\nseed ${one.seed}\n${JSON.stringify(one.ask)}\n${one.differences.join('\n')}\n${one.config}`);
  for (const one of rejected.slice(0, 5)) console.log(`rejected: ${one}`);
  console.log(`${done} pairs from seed ${seed} in ${took()}: ${found.length} differ, ${rejected.length} rejected`);
  return found.length + rejected.length === 0 ? 0 : 1;
}

async function bootstraps(area: string): Promise<number> {
  const areas = area === 'all' ? Object.keys(AREAS) : area.split(',');
  const outcome = await runAreas(areas, seed, Number(values.runs));
  for (const [words, times] of grouped(outcome)) console.log(`${times} x ${words}`);
  for (const { trial, ask, topsail, envoy } of outcome.found.slice(0, show))
    console.log(
      `\n${trial.area}, seed ${trial.seed}\n${JSON.stringify(ask)}\n${differingLines(topsail, envoy).join('\n')}\n${JSON.stringify(trial.manager, undefined, 1)}`,
    );
  for (const { trial, topsail, envoy } of outcome.refused)
    console.log(`refused: ${trial.area}, seed ${trial.seed}: topsail "${topsail}", envoy "${envoy.slice(-500)}"`);
  const { asked, found, refused } = outcome;
  console.log(`${asked} requests from seed ${seed} in ${took()}: ${found.length} differ, ${refused.length} refused`);
  return found.length + refused.length === 0 ? 0 : 1;
}

function grouped({ found }: Outcome): (readonly [string, number])[] {
  const kinds = new Map<string, number>();
  for (const { trial, topsail, envoy } of found) {
    const [first = ''] = differingLines(topsail, envoy);
    const words = `${trial.area}: ${first}`;
    kinds.set(words, (kinds.get(words) ?? 0) + 1);
  }
  return [...kinds].sort((a, b) => b[1] - a[1]).slice(0, 40);
}
