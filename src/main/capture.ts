// `topsail capture apply`: the init container's work, one nft transaction in the pod's network namespace.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { nftRules } from '#agent';
import type { CapturePlan } from '#base';

export function captureApply(options: Readonly<Record<string, unknown>>): number {
  let plan: CapturePlan;
  try {
    plan = JSON.parse(String(options['plan'])) as CapturePlan;
  } catch (error) {
    process.stderr.write(`error: --plan is no JSON: ${(error as Error).message}\n`);
    return 1;
  }
  const rules = nftRules(plan);
  process.stdout.write(rules);
  if (options['dryRun'] === true) return 0;
  const done = spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8' });
  if (done.status === 0) return 0;
  process.stderr.write(
    `error: nft refused the rules: ${done.error?.message ?? done.stderr}\nWhat to do: the container needs NET_ADMIN and a kernel with nf_tables (CONFIG_NF_TABLES_INET, CONFIG_NFT_REDIR).\n`,
  );
  return 1;
}
