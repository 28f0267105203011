// One flood against the bed, and what is wrong with how the proxy took it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Beside, FloodBed } from './bed.ts';
import type { Latency } from './bystander.ts';
import type { Flood, FloodEnd } from './flood.ts';
import { H2_FLOODS } from './h2-floods.ts';
import { SLOW_FLOODS } from './slow-floods.ts';

export const FLOODS: readonly Flood[] = [...H2_FLOODS, ...SLOW_FLOODS];

const GROWTH_MAX = 50 * 2 ** 20;
/** Whoever was cut attacks again after two round trips of a near network: to connect, and to be heard. */
const AGAIN_MS = 20;
/** An attack may be unlucky in its moment: what the proxy does to others it does each time. */
const TRIES = 3;

/** How much worse others may fare than beside a thread that burns as much CPU as the attackers. */
export interface Terms {
  /** p99 may be so many times as high. */
  readonly factor: number;
  /** A p99 up to here is good in any case, ms: below it a single turn of the scheduler decides. */
  readonly floorMs: number;
  /** One flood is repeated for so long, and the comparison takes as long. */
  readonly forMs: number;
}

/** On a machine of one's own: less than doubled. */
export const STRICT: Terms = { factor: 2, floorMs: 10, forMs: 2_500 };

export interface Verdict {
  readonly end: FloodEnd;
  /** How often it was repeated. */
  readonly attacks: number;
  readonly seen: Beside;
  /** What others saw beside the burner. */
  readonly calm: Latency;
  /** Bytes of private memory above what there was before, at the worst moment. */
  readonly grown: number;
  /** "name +3" of the counters that named it. */
  readonly counters: readonly string[];
  readonly complaints: readonly string[];
}

export async function judge(bed: FloodBed, flood: Flood, limitMs: number, terms: Terms): Promise<Verdict> {
  let calmBefore: Latency | undefined;
  for (let tries = 1; ; tries++) {
    const verdict = await attack(bed, flood, limitMs, terms, calmBefore);
    const late = lateness(verdict.seen.latency, verdict.calm, terms);
    if (late === undefined || !bed.alive || verdict.complaints.length > 0) return verdict;
    if (tries === TRIES) return { ...verdict, complaints: [late] };
    calmBefore = verdict.calm;
  }
}

async function attack(
  bed: FloodBed,
  flood: Flood,
  limitMs: number,
  { forMs }: Terms,
  calmBefore: Latency | undefined,
): Promise<Verdict> {
  const before = await bed.stats();
  const memory = bed.memory();
  const { result: ends, ...seen } = await bed.beside(() => again(bed, flood, limitMs, forMs));
  const complaints: string[] = [];
  const counters: string[] = [];
  if (!bed.alive) complaints.push('the proxy died');
  else {
    const after = await bed.stats();
    for (const name of flood.counters) {
      const grown = (after.get(name) ?? 0) - (before.get(name) ?? 0);
      if (grown > 0) counters.push(`${name} +${grown}`);
    }
    if (counters.length === 0) complaints.push(`no counter names it (${flood.counters.join(', ')})`);
  }
  // The worst one speaks for all.
  const end =
    ends.find(({ cut }) => !cut) ?? ends.find(({ goaway }) => goaway !== flood.goaway) ?? (ends[0] as FloodEnd);
  if (!end.cut) complaints.push('the offender was not cut');
  if (flood.goaway !== undefined && end.goaway !== flood.goaway)
    complaints.push(`GOAWAY ${end.goaway ?? 'none'} instead of ${flood.goaway}`);
  const grown = seen.peak - memory;
  if (grown > GROWTH_MAX) complaints.push(`memory grew by ${(grown / 2 ** 20).toFixed(0)} MB`);
  if (seen.latency.failures > 0) complaints.push(`${seen.latency.failures} requests of another client failed`);
  const after = await bed.burning(seen, forMs);
  const calm = calmBefore !== undefined && calmBefore.p99 > after.p99 ? calmBefore : after;
  return { end, attacks: ends.length, seen, calm, grown, counters, complaints };
}

async function again(bed: FloodBed, flood: Flood, limitMs: number, forMs: number): Promise<FloodEnd[]> {
  const ends: FloodEnd[] = [];
  for (const until = performance.now() + forMs; ; await sleep(AGAIN_MS)) {
    const end = await flood.run(bed, limitMs);
    ends.push(end);
    if (!end.cut || !bed.alive || performance.now() >= until) return ends;
  }
}

/** Undefined: others fared well enough. */
function lateness(seen: Latency, calm: Latency, { factor, floorMs }: Terms): string | undefined {
  if (seen.p99 <= Math.max(floorMs, calm.p99 * factor)) return undefined;
  return `others' p99 is ${seen.p99.toFixed(1)} ms, and ${calm.p99.toFixed(1)} ms beside a thread that burns as much CPU`;
}
