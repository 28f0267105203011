// Compares both data planes on random configuration and requests: `--seed S` and `--pairs N` (default 5,000).
import process from 'node:process';
import { runPairs } from './pairs.ts';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seed = flag('--seed', 1);
const started = performance.now();
const { pairs, found, rejected } = await runPairs(seed, flag('--pairs', 5000));
const kinds = new Map<string, number>();
for (const one of found) for (const text of one.differences) kinds.set(text, (kinds.get(text) ?? 0) + 1);
for (const [text, count] of [...kinds].sort((a, b) => b[1] - a[1]).slice(0, 40)) console.log(`${count} x ${text}`);
for (const one of found.slice(0, flag('--show', 3)))
  console.log(`\nseed ${one.seed}\n${JSON.stringify(one.ask)}\n${one.differences.join('\n')}\n${one.config}`);
for (const one of rejected.slice(0, 5)) console.log(`rejected: ${one}`);
console.log(
  `${pairs} pairs from seed ${seed} in ${((performance.now() - started) / 1000).toFixed(1)} s: ${found.length} differ, ${rejected.length} rejected`,
);
process.exit(found.length + rejected.length === 0 ? 0 : 1);
