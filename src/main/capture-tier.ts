// Which tier of capture this machine allows (design §3c): own user namespace, as root a network namespace, else none.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { onPath } from './on-path.ts';

export type CaptureTier = 'userns' | 'netns' | 'none';

export const CAPTURE_TIERS: readonly CaptureTier[] = ['userns', 'netns', 'none'];

const TRIAL_MS = 5000;

/** Why a tier can't be had here; undefined when it can. */
export function captureProblem(tier: CaptureTier): string | undefined {
  if (tier === 'none') return undefined;
  if (process.platform !== 'linux') return 'capture needs Linux';
  if (process.report === undefined || (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime === undefined) return 'capture needs a Linux with glibc';
  for (const [program, from] of [['ip', 'iproute2'], ['nft', 'nftables'], ['unshare', 'util-linux']] as const) {
    if (onPath(program) === undefined) return `there is no "${program}": install ${from}`;
  }
  // Some kernels make the namespace and then give no rights in it.
  if (tier === 'userns') return tried('unshare', ['--user', '--map-root-user', '--net', '--', 'ip', 'link', 'set', 'lo', 'up']) ? undefined : 'the kernel refuses user namespaces to this user';
  return process.getuid?.() === 0 ? undefined : 'network namespaces need root';
}

/** The best that works, with the reasons against better ones; a sentence when `wanted` can't be had. */
export function chooseTier(wanted: CaptureTier | 'auto'): { readonly tier: CaptureTier; readonly reasons: readonly string[] } | string {
  const reasons: string[] = [];
  for (const tier of wanted === 'auto' ? CAPTURE_TIERS : [wanted]) {
    const problem = captureProblem(tier);
    if (problem === undefined) return { tier, reasons };
    reasons.push(`${tier}: ${problem}`);
  }
  return `--capture ${reasons.join('; ')}. Use --capture auto for the best that works here.`;
}

function tried(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: TRIAL_MS }).status === 0;
}
