// Which tier of capture this machine allows (design §3c): own user namespace, as root a network namespace, else none.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { INNER_ADDRESS, redirectRules } from '#agent';
import { onPath } from './on-path.ts';

export type CaptureTier = 'userns' | 'netns' | 'none';

/** Its sockets can't be handed over. */
export const ENVOY_UNCAPTURED =
  "--capture userns and netns are for Topsail's own proxy: leave --capture out with --data-plane envoy.";

export const CAPTURE_TIERS: readonly CaptureTier[] = ['userns', 'netns', 'none'];

const TRIAL_MS = 5000;

/** Why a tier can't be had here; undefined when it can. */
export function captureProblem(tier: CaptureTier): string | undefined {
  if (tier === 'none') return undefined;
  if (process.platform !== 'linux') return 'capture needs Linux';
  if (
    process.report === undefined ||
    (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime ===
      undefined
  )
    return 'capture needs a Linux with glibc';
  for (const [program, from] of [
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
    ['unshare', 'util-linux'],
  ] as const) {
    if (onPath(program) === undefined) return `there is no "${program}": install ${from}`;
  }
  if (tier === 'netns' && process.getuid?.() !== 0) return 'network namespaces need root';
  // The whole thing once: some kernels make the namespace and give no rights in it, others have no nftables.
  const own = tier === 'userns' ? ['--user', '--map-root-user'] : [];
  const trial = spawnSync('unshare', [...own, '--net', '--', 'sh', '-c', 'ip link set lo up && nft -f -'], {
    input: redirectRules({ address: INNER_ADDRESS, link: undefined }),
    encoding: 'utf8',
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: TRIAL_MS,
  });
  return trial.status === 0
    ? undefined
    : `the kernel does not allow it (${trial.stderr?.trim().split('\n')[0] || `status ${trial.status}`})`;
}

/** The best that works, with the reasons against better ones; a sentence when `wanted` can't be had. */
export function chooseTier(
  wanted: CaptureTier | 'auto',
): { readonly tier: CaptureTier; readonly reasons: readonly string[] } | string {
  const reasons: string[] = [];
  for (const tier of wanted === 'auto' ? CAPTURE_TIERS : [wanted]) {
    const problem = captureProblem(tier);
    if (problem === undefined) return { tier, reasons };
    reasons.push(`${tier}: ${problem}`);
  }
  return `--capture ${reasons.join('; ')}. Use --capture auto for the best that works here.`;
}
