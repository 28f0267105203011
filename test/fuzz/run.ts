// Coverage-guided fuzzing of both codecs, in both roles, and of the ways between them (h1 <-> h2).
//
//   node test/fuzz/run.ts [--minutes 1] [--target NAME] [--seed N] [--save]
//
// Inputs that reach new code are kept; `--save` writes them to test/fuzz/corpus. What breaks a rule is
// written to .cache/fuzz and ends the run with status 1.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Random, SeededRandom } from '#base';
import { readCorpus, writeCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { TARGETS, type Target } from './targets.ts';
import { programOptions } from '../../tools/program-options.ts';

const BATCH = 64;
const SLICE_MS = 2_000;

interface State {
  readonly target: Target;
  readonly corpus: Buffer[];
  runs: number;
  readonly found: Map<string, Buffer>;
}

const { values } = programOptions(import.meta.filename, {
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    save: { type: 'boolean', default: false },
  },
});
const random: Random = new SeededRandom(Number(values.seed));
const coverage = new Coverage('/src/wire/');
const states: State[] = [];
for (const target of TARGETS) {
  if (!target.name.includes(values.target)) continue;
  const state: State = { target, corpus: [], runs: 0, found: new Map() };
  states.push(state);
  for (const input of [...target.seeds, ...readCorpus(target.name)]) {
    await attempt(state, input);
    if (coverage.take(true) || state.corpus.length === 0) state.corpus.push(input);
  }
}

async function attempt(state: State, input: Buffer): Promise<void> {
  state.runs++;
  try {
    await state.target.run(input);
  } catch (error) {
    // One report for each place: the message's numbers and texts differ with each input.
    const place = ((error as Error).stack ?? '')
      .split('\n')
      .slice(0, 3)
      .join('|')
      .replace(/[0-9"'].*?\|/, '|');
    if (state.found.has(place)) return;
    state.found.set(place, input);
    const name = `${state.target.name}-${createHash('sha256').update(input).digest('hex').slice(0, 10)}`;
    mkdirSync('.cache/fuzz', { recursive: true });
    writeFileSync(join('.cache/fuzz', name), input);
    console.log(
      `\n!! ${state.target.name}: ${(error as Error).stack}\n   .cache/fuzz/${name}: ${JSON.stringify(input.toString('latin1')).slice(0, 300)}\n`,
    );
  }
}

async function slice(state: State): Promise<void> {
  const { target, corpus } = state;
  const end = performance.now() + SLICE_MS;
  const any = (): Buffer => corpus[random.uint32() % corpus.length] as Buffer;
  while (performance.now() < end) {
    const batch = Array.from({ length: BATCH }, () => mutate(any(), any(), random, target.framed));
    for (const input of batch) await attempt(state, input);
    // What was freed is given back between turns: without one a run of an hour would take 15 GB.
    await nextTurn();
    if (!coverage.take(false)) continue;
    for (const input of batch) {
      await attempt(state, input);
      if (coverage.take(true)) corpus.push(input);
    }
  }
}

const finish = performance.now() + Number(values.minutes) * 60_000;
let told = 0;
while (performance.now() < finish) {
  for (const state of states) await slice(state);
  if (performance.now() - told < 60_000) continue;
  told = performance.now();
  console.log(
    `${states.reduce((n, s) => n + s.runs, 0)} runs, ${coverage.blocks} blocks; ${states.map((s) => `${s.target.name} ${s.runs} (${s.corpus.length})`).join(', ')}`,
  );
}
console.log(
  `seed ${values.seed}: ${states.reduce((n, s) => n + s.runs, 0)} runs, ${coverage.blocks} blocks of src/wire reached, ${states.reduce((n, s) => n + s.found.size, 0)} findings`,
);
if (values.save) for (const { target, corpus } of states) writeCorpus(target.name, corpus);
process.exit(states.every((s) => s.found.size === 0) ? 0 : 1);
