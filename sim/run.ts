// Runs simulated meshes by seed: `run.ts --seeds 100` for the first hundred, `--seed 7 --mode faults` for one again,
// with everything that happened (`--log`).
import process from 'node:process';
import { MODES, type Mode, type Outcome, simulate } from './simulate.ts';
import { programOptions } from '../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: {
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mode: { type: 'string' },
    log: { type: 'boolean', default: false },
  },
});

const modes = MODES.filter((mode) => values.mode === undefined || values.mode === mode);
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let failed = 0;
for (let seed = first; seed < first + count; seed++) for (const mode of modes) await one(seed, mode);
process.exit(failed > 0 ? 1 : 0);

async function one(seed: number, mode: Mode): Promise<void> {
  const began = performance.now();
  const outcome: Outcome = await simulate(seed, mode);
  const { requests, failures, edits, violations, digest, log } = outcome;
  if (values.log) console.log(log.join('\n'));
  console.log(
    `seed ${seed} ${mode}: ${requests} requests, ${failures} failed, ${edits} edits, ${digest}, ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  if (violations.length === 0) return;
  failed += 1;
  for (const violation of violations) console.log(`  ${violation}`);
  console.log(`  again: node sim/run.ts --seed ${seed} --mode ${mode} --log`);
}
