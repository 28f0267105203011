// One flood against the bed, and what is wrong with how the proxy took it.
import type { FloodBed } from './bed.ts';
import type { Latency } from './bystander.ts';
import type { Flood, FloodEnd } from './flood.ts';
import { H2_FLOODS } from './h2-floods.ts';
import { SLOW_FLOODS } from './slow-floods.ts';

export const FLOODS: readonly Flood[] = [...H2_FLOODS, ...SLOW_FLOODS];

const GROWTH_MAX = 50 * 2 ** 20;

export interface Verdict {
  readonly end: FloodEnd;
  readonly latency: Latency;
  /** Bytes of private memory above what there was before, at the worst moment. */
  readonly grown: number;
  readonly seconds: number;
  /** "name +3" of the counters that named it. */
  readonly counters: readonly string[];
  readonly complaints: readonly string[];
}

export async function judge(bed: FloodBed, flood: Flood, limitMs: number): Promise<Verdict> {
  const before = await bed.stats();
  const memory = bed.memory();
  const began = performance.now();
  const { result: end, latency, peak } = await bed.beside(() => flood.run(bed, limitMs));
  const seconds = (performance.now() - began) / 1000;
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
  if (!end.cut) complaints.push('the offender was not cut');
  if (flood.goaway !== undefined && end.goaway !== flood.goaway)
    complaints.push(`GOAWAY ${end.goaway ?? 'none'} instead of ${flood.goaway}`);
  if (peak - memory > GROWTH_MAX) complaints.push(`memory grew by ${((peak - memory) / 2 ** 20).toFixed(0)} MB`);
  if (latency.failures > 0) complaints.push(`${latency.failures} requests of another client failed`);
  return { end, latency, grown: peak - memory, seconds, counters, complaints };
}
