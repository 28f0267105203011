// Runs pairs of (configuration, request) on both data planes and collects what differs, with all that is needed to repeat it.
import { startLab } from '../scenarios/list/column.ts';
import { ask, differences } from './compare.ts';
import { type Ask, Generator } from './generate.ts';

export interface Found {
  readonly seed: number;
  readonly ask: Ask;
  readonly differences: readonly string[];
  readonly config: string;
}

export interface PairsResult {
  readonly pairs: number;
  readonly found: readonly Found[];
  readonly rejected: readonly string[];
}

const ASKS = 20;
/** An acknowledged listener or route is in force a little later. */
const TRY_MS = 15_000;
const PAUSE_MS = 60;

export async function runPairs(seed: number, pairs: number, progress?: (done: number) => void): Promise<PairsResult> {
  const found: Found[] = [];
  const topsail = await startLab('topsail');
  const envoy = await startLab('envoy');
  const rejected: string[] = [];
  let done = 0;
  try {
    for (let i = 0; done < pairs; i++) {
      const own = seed + i;
      const { config, asks } = new Generator(own).next(Math.min(ASKS, pairs - done));
      await Promise.all([topsail.apply(config), envoy.apply(config)]);
      for (const one of asks) {
        let differing: readonly string[] = [];
        for (const end = performance.now() + TRY_MS; ; ) {
          const [a, b] = await Promise.all([ask(topsail, one), ask(envoy, one)]);
          differing = differences(a, b);
          if (differing.length === 0 || performance.now() > end) break;
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
        done++;
        if (differing.length > 0) found.push({ seed: own, ask: one, differences: differing, config });
      }
      topsail.backends.arrivals.clear();
      envoy.backends.arrivals.clear();
      progress?.(done);
    }
    for (const lab of [topsail, envoy])
      rejected.push(...lab.control.rejections.map(({ names, detail }) => `${lab.plane}: ${names.join()}: ${detail}`));
  } finally {
    await topsail.close();
    await envoy.close();
  }
  return { pairs: done, found, rejected };
}
