// A named network namespace joined to the host by a pair of links (root; design §3c.2), and its removal.
import { execFileSync } from 'node:child_process';
import process from 'node:process';

/** RFC 2544's block, two addresses a workload; nobody routes it. */
const BLOCK = [198, 18] as const;
const PAIRS = 32_000;
const ATTEMPTS = 64;
export const INNER_LINK = 'eth0';

export interface VethNamespace {
  readonly name: string;
  readonly address: string;
  readonly innerLink: string;
  /** For `ip -batch -` inside. */
  readonly innerCommands: string;
  remove(): void;
}

/** Throws with ip's words when none can be made. */
export function addVethNamespace(): VethNamespace {
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pair = (process.pid * 7 + attempt * 613) % PAIRS;
    try {
      return add(pair);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Names that a run before this one left behind are its to remove; others are never touched. */
export function removeVethNamespace(name: string): boolean {
  if (!/^topsail-\d{1,5}$/.test(name)) return false;
  try {
    // The pair of links goes with the namespace.
    ip('netns', 'delete', name);
    return true;
  } catch {
    return false;
  }
}

function add(pair: number): VethNamespace {
  const at = (n: number): string => `${BLOCK[0]}.${BLOCK[1] + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const [host, address] = [at(2 * pair), at(2 * pair + 1)];
  const name = `topsail-${pair}`;
  const link = `tsl${pair}`;
  ip('netns', 'add', name);
  try {
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', INNER_LINK, 'netns', name);
    ip('address', 'add', `${host}/31`, 'dev', link);
    ip('link', 'set', link, 'up');
  } catch (error) {
    removeVethNamespace(name);
    throw error;
  }
  return {
    name,
    address,
    innerLink: INNER_LINK,
    innerCommands: `link set ${INNER_LINK} up\naddress add ${address}/31 dev ${INNER_LINK}\n`,
    remove: () => void removeVethNamespace(name),
  };
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
