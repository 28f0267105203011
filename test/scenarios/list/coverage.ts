// Writes docs/scenarios.md: which scenarios prove which field, from the list itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { allFeatures } from './all.ts';
import { DIFFERENCES } from './differences.ts';

export const SCENARIOS_DOC = join(import.meta.dirname, '../../../docs/scenarios.md');
const MOST_NAMED = 4;

export async function scenariosDoc(): Promise<string> {
  const features = await allFeatures();
  const fields = new Map<string, string[]>();
  let count = 0;
  for (const [feature, scenarios] of features)
    for (const { name, proves } of scenarios) {
      count++;
      for (const field of proves) {
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
`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(SCENARIOS_DOC, await scenariosDoc());

export function writtenDoc(): string {
  return readFileSync(SCENARIOS_DOC, 'utf8');
}
