// Judges the share of random draws: one that is off is drawn once more, nine times as often, and that decides.
import assert from 'node:assert/strict';

export interface ShareAsk {
  readonly percent: number;
  /** How far off it may be. */
  readonly points: number;
  readonly first: number;
  /** How many of so many draws were what is counted. */
  readonly draw: (count: number) => Promise<number>;
}

const MORE = 9;

/**
 * Chance fails this less than once in 10^9 runs where `points` are at least 2 standard deviations of the first draws:
 * they are 6 of the further ones.
 */
export async function judgeShare({ percent, points, first, draw }: ShareAsk): Promise<void> {
  const seen: string[] = [];
  for (const count of [first, MORE * first]) {
    const share = (100 * (await draw(count))) / count;
    seen.push(`${share.toFixed(2)} % of ${count}`);
    if (Math.abs(share - percent) <= points) return;
  }
  assert.fail(`${seen.join(', then ')} instead of ${percent} %`);
}
