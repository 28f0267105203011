// Prints the scenario report as Markdown: what Topsail and Envoy did, side by side. `--only WORD|WORD` narrows, `--plane NAME` runs one column.
import process from 'node:process';
import { allFeatures } from './all.ts';
import { judge, startLab, type Verdict } from './column.ts';
import type { Plane } from './lab.ts';

const flag = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const only = (flag('--only') ?? '').split('|');
const planes = (flag('--plane') ?? 'topsail,envoy').split(',') as Plane[];
const features = await allFeatures();
const verdicts = new Map<Plane, Map<string, Verdict>>();
for (const plane of planes) {
  const column = new Map<string, Verdict>();
  verdicts.set(plane, column);
  const lab = await startLab(plane);
  const started = performance.now();
  for (const [feature, scenarios] of features)
    for (const scenario of scenarios) {
      if (!only.some((word) => `${feature} ${scenario.name}`.includes(word))) continue;
      const verdict = await judge(lab, scenario);
      if (process.argv.includes('--times')) console.error(`${verdict.ms.toFixed(0)} ms ${plane} ${scenario.name}`);
      column.set(`${feature}/${scenario.name}`, verdict);
      if (process.argv.includes('--progress') && verdict.problem !== '')
        console.error(`${plane} ${feature}/${scenario.name}: ${verdict.problem}`);
    }
  console.error(`${plane}: ${column.size} scenarios in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await lab.close();
}
console.log('| Scenario | Topsail | Envoy |\n|---|---|---|');
const word = (verdict: Verdict | undefined): string =>
  verdict === undefined
    ? '–'
    : verdict.problem === ''
      ? 'holds'
      : `FAILS: ${verdict.problem.replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 200)}`;
let failed = 0;
for (const [feature, scenarios] of features)
  for (const { name, differs } of scenarios) {
    const key = `${feature}/${name}`;
    const both = [verdicts.get('topsail')?.get(key), verdicts.get('envoy')?.get(key)];
    if (both.every((one) => one === undefined)) continue;
    if (both.some((one) => one !== undefined && one.problem !== '') && differs === undefined) failed++;
    console.log(`| ${feature}: ${name} | ${word(both[0])} | ${word(both[1])} |`);
  }
process.exit(failed === 0 ? 0 : 1);
