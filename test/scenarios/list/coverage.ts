// Writes docs/scenarios.md: which scenarios prove which field, from the list itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { allFeatures } from './all.ts';
import { DIFFERENCES } from './differences.ts';
import { fieldsSet, inForce } from './fields-set.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS_DOC = join(import.meta.dirname, '../../../docs/scenarios.md');
const MOST_NAMED = 4;
const KINDS = [
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'WorkloadEntry',
  'Sidecar',
  'PeerAuthentication',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'Telemetry',
  'WasmPlugin',
  'MessageLimits',
] as const;
const REPEATED =
  /^DestinationRule\.(?:trafficPolicy\.portLevelSettings|subsets\.trafficPolicy)\..*\.|^Sidecar\.(?:inboundConnectionPool|ingress\.connectionPool)\..*\./;

export async function scenariosDoc(): Promise<string> {
  const features = await allFeatures();
  const fields = new Map<string, string[]>();
  let count = 0;
  for (const [feature, scenarios] of features)
    for (const scenario of scenarios) {
      const { name } = scenario;
      count++;
      for (const field of allProved(scenario)) {
        const known = fields.get(field);
        if (known === undefined) fields.set(field, [`${feature}: ${name}`]);
        else known.push(`${feature}: ${name}`);
      }
    }
  const rows = [...fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([field, names]) => {
      const more = names.length > MOST_NAMED ? `; and ${names.length - MOST_NAMED} more` : '';
      return `| ${field} | ${names.length} | ${names.slice(0, MOST_NAMED).join('; ').replaceAll('|', '\\|')}${more} |`;
    });
  return `# Scenarios

${count} scenarios run on Topsail and on a real Envoy, with the same control plane, configuration, calls and expectations
(\`test/scenarios/list/\`). Both columns are part of \`npm test\`: rung \`scenarios\` for Topsail, rung \`envoy\` for Envoy.
\`node test/scenarios/list/report.ts\` prints them side by side; \`--only WORD\` and \`--plane NAME\` narrow it.
This page is written by \`node test/scenarios/list/coverage.ts\`.

## Differences

| What differs | Why |
|---|---|
${DIFFERENCES.map(({ what, why }) => `| ${what} | ${why} |`).join('\n')}

## Which scenario proves which field

| Field | Scenarios | Named |
|---|---|---|
${rows.join('\n')}

## Fields in force that no scenario proves

They are shown elsewhere: by golden cases (\`test/golden/cases\`), tests of the proxy or tests of processes. The policies of one port
and of a subset (\`portLevelSettings\`, \`subsets.trafficPolicy\`) and of a Sidecar (\`inboundConnectionPool\`, \`ingress.connectionPool\`) are
read as \`trafficPolicy\` is, and are not listed.

${KINDS.map((kind) => `- ${kind}: ${unproved(kind, fields)}`).join('\n')}
`;
}

/** What it says, and what its configuration sets below. */
function allProved(scenario: Scenario): ReadonlySet<string> {
  const proved = new Set(scenario.proves.map((field) => field.replaceAll('[]', '')));
  for (const field of fieldsSet(scenario))
    if (scenario.proves.some((one) => field.startsWith(`${one.replaceAll('[]', '')}.`))) proved.add(field);
  return proved;
}

/** Without those above what is proved. */
function unproved(kind: (typeof KINDS)[number], proved: ReadonlyMap<string, unknown>): string {
  const names = [...proved.keys()];
  const left = inForce(kind).filter(
    (field) => !REPEATED.test(field) && !names.some((name) => name === field || name.startsWith(`${field}.`)),
  );
  return left.length === 0 ? 'none' : left.map((field) => `\`${field.slice(kind.length + 1)}\``).join(', ');
}

if (process.argv[1] === import.meta.filename) writeFileSync(SCENARIOS_DOC, await scenariosDoc());

export function writtenDoc(): string {
  return readFileSync(SCENARIOS_DOC, 'utf8');
}
