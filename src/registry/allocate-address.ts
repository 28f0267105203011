// Gives hosts stable virtual addresses in 240.240.0.0/16 and 2001:2::/48: a hash of the name, moved on while taken (inventory §3.11).

const SIZE = 65_536;
/** .0.0 and .255.255 look like network and broadcast addresses; .0.1 is kept for the resolver. */
const RESERVED = new Set([0, 1, SIZE - 1]);
const OURS = /^240\.240\.(?:25[0-5]|2[0-4]\d|1?\d?\d)\.(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;

/**
 * Addresses for `hosts`, independent of the order in which they are named. `former` keeps what was
 * given before, so that a newcomer never takes an address that a client may have cached; `given`, what
 * statuses say was given, goes before it, so that all say the same; of two that name one address the first has it, and
 * nobody takes one that another host has and keeps.
 */
export function allocateAddresses(
  hosts: Iterable<string>,
  former: ReadonlyMap<string, string> = new Map(),
  given: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const wanted = [...new Set(hosts)].sort();
  const found = new Map<string, string>();
  const taken = new Set<number>(RESERVED);
  const take = (host: string, address = ''): void => {
    if (found.has(host) || !OURS.test(address) || taken.has(offsetOf(address))) return;
    found.set(host, address);
    taken.add(offsetOf(address));
  };
  const hosted = new Set(wanted);
  const holders = new Map(wanted.map((host) => [former.get(host) ?? '', host]));
  const keeps = (host: string | undefined, address: string): boolean =>
    host !== undefined && (given.get(host) ?? address) === address;
  for (const [host, address] of given) {
    const holder = holders.get(address);
    if (hosted.has(host) && (holder === host || !keeps(holder, address))) take(host, address);
  }
  for (const host of wanted) take(host, former.get(host));
  for (const host of wanted) {
    if (found.has(host) || taken.size >= SIZE) continue;
    let offset = hash(host) % SIZE;
    while (taken.has(offset)) offset = (offset + 1) % SIZE;
    taken.add(offset);
    found.set(host, `240.240.${offset >>> 8}.${offset & 255}`);
  }
  return found;
}

/** The address, and the one in the same place of the IPv6 block. */
export function bothFamilies(address: string): readonly string[] {
  return [address, `2001:2::f0f0:${offsetOf(address).toString(16)}`];
}

function offsetOf(address: string): number {
  const [, , third, fourth] = address.split('.');
  return Number(third) * 256 + Number(fourth);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return (value ^ (value >>> 16)) >>> 0;
}
