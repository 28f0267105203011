// `npm run scenarios`: prints the scenario report as Markdown, what Topsail and Envoy did, side by side. `-- --only WORD|WORD`
// narrows, `--plane NAME` runs one column, `--times` says how long each took and how many tries. No scenario may need another,
// nor its own first try: `--shuffle SEED` runs them in another order, `--twice` each twice in a row.
import { hash } from 'node:crypto';
import process from 'node:process';
import { allFeatures } from './all.ts';
import { judge, startLab, type Verdict } from './column.ts';
import type { Plane } from './lab.ts';

const flag = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const only = (flag('--only') ?? '').split('|');
const PLANES: readonly Plane[] = ['topsail', 'envoy'];
const planes = (flag('--plane') ?? PLANES.join()).split(',') as Plane[];
const features = await allFeatures();
const chosen = [...features]
  .flatMap(([feature, scenarios]) => scenarios.map((scenario) => [feature, scenario] as const))
  .filter(([feature, { name }]) => only.some((word) => `${feature} ${name}`.includes(word)));
const seed = flag('--shuffle');
const order =
  seed === undefined
    ? chosen
    : chosen
        .map((one) => ({ one, at: hash('sha256', `${seed} ${one[0]} ${one[1].name}`) }))
        .sort((a, b) => (a.at < b.at ? -1 : 1))
        .map(({ one }) => one);
const verdicts = new Map<Plane, Map<string, Verdict>>();
for (const plane of planes) {
  const column = new Map<string, Verdict>();
  verdicts.set(plane, column);
  const lab = await startLab(plane);
  const started = performance.now();
  for (const [feature, scenario] of order) {
    const verdict = await judge(lab, scenario, process.argv.includes('--twice') ? 2 : 1);
    if (process.argv.includes('--times'))
      console.error(`${verdict.ms.toFixed(0)} ms, ${verdict.tries} tries, ${plane} ${scenario.name}`);
    column.set(`${feature}/${scenario.name}`, verdict);
    if (process.argv.includes('--progress') && verdict.problem !== '')
      console.error(`${plane} ${feature}/${scenario.name}: ${verdict.problem}`);
  }
  console.error(
    `${plane}: ${column.size} ${column.size === 1 ? 'scenario' : 'scenarios'} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  await lab.close();
}
console.log('| Scenario | Topsail | Envoy |\n|---|---|---|');
const PROBLEM_MAX = 200;
function word(verdict: Verdict | undefined, argued: boolean): string {
  if (verdict === undefined) return '–';
  if (verdict.problem === '') return 'holds';
  if (argued) return 'differs, as argued in docs/scenarios.md';
  const text = verdict.problem.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return `FAILS: ${text.length > PROBLEM_MAX ? `${text.slice(0, PROBLEM_MAX)}…` : text}`;
}
let failed = 0;
for (const [feature, scenarios] of features)
  for (const { name, differs } of scenarios) {
    const key = `${feature}/${name}`;
    const both = [verdicts.get('topsail')?.get(key), verdicts.get('envoy')?.get(key)];
    if (both.every((one) => one === undefined)) continue;
    if (both.some((one, i) => one !== undefined && one.problem !== '' && differs?.plane !== PLANES[i])) failed++;
    console.log(
      `| ${feature}: ${name} | ${word(both[0], differs?.plane === 'topsail')} | ${word(both[1], differs?.plane === 'envoy')} |`,
    );
  }
process.exit(failed === 0 ? 0 : 1);
