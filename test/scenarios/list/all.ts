// Every scenario, by feature.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Feature, Scenario } from './scenario.ts';

const HELPERS = new Set([
  'scenario',
  'backends',
  'special-backends',
  'fixture',
  'control-plane',
  'certificates',
  'lab',
  'lab-agent',
  'calls',
  'run',
  'metrics',
  'spans',
  'yaml',
  'server-calls',
  'tokens',
  'all',
  'report',
  'column',
  'coverage',
  'fields-set',
  'differences',
]);

export async function allFeatures(): Promise<ReadonlyMap<string, Feature>> {
  const found = new Map<string, Feature>();
  for (const file of readdirSync(import.meta.dirname).sort()) {
    const name = file.replace(/\.ts$/, '');
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || HELPERS.has(name)) continue;
    const module = (await import(join(import.meta.dirname, file))) as { readonly feature: Feature };
    found.set(name, module.feature);
  }
  return found;
}

export async function allScenarios(): Promise<readonly Scenario[]> {
  return [...(await allFeatures()).values()].flat();
}
