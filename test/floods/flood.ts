// What a flood is: what it sends, which end it must meet, and which counter must name it.
import type { FloodBed } from './bed.ts';

export interface FloodEnd {
  /** The proxy ended the offender's connections. */
  readonly cut: boolean;
  /** Error code of the GOAWAY, where there was one. */
  readonly goaway?: number | undefined;
  readonly note?: string;
}

export interface Flood {
  readonly name: string;
  /** GOAWAY's code that the offender gets (11 = ENHANCE_YOUR_CALM). */
  readonly goaway?: number;
  /** Statistics of which at least one grows. */
  readonly counters: readonly string[];
  run(bed: FloodBed, limitMs: number): Promise<FloodEnd>;
}
