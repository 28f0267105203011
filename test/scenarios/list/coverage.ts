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
  'RateLimit',
] as const;
/** In force, and nothing that a request could show here: what is it, and where it is shown. */
const ARGUED: Readonly<Record<string, string>> = {
  'VirtualService.http.fault.delay.exponentialDelay': 'validation refuses it: it was never in force in Istio either',
  'VirtualService.http.fault.abort.http2Error': 'validation refuses it: it was never in force in Istio either',
  'ServiceEntry.endpoints.network': 'the mesh is one network: MeshNetworks is accepted with a warning',
  'WorkloadEntry.network': 'the mesh is one network: MeshNetworks is accepted with a warning',
  'Gateway.servers.name': 'a name for whoever reads it',
  'Sidecar.ingress.port.name': 'a name for whoever reads it',
  'Sidecar.ingress.port.targetPort':
    'a Sidecar’s ports have none in Istio either; `defaultEndpoint` says where the application is',
  'Sidecar.ingress.bind': 'connections come to every address that is captured; `test/rungs/netns/capture.test.ts`',
  'Sidecar.egress.port.name': 'a name for whoever reads it',
  'Sidecar.egress.port.targetPort': 'a Sidecar’s ports have none in Istio either',
  'RateLimit.rules.limit.scope':
    'several proxies and their control plane count: `test/scenarios/shared-limits.test.ts`',
  'RateLimit.rules.limit.whenUnavailable':
    'a control plane that goes and comes: `src/leases/leases.test.ts`, `test/scenarios/shared-limits.test.ts`',
  'WasmPlugin.sha256': '`test/scenarios/wasm-modules.test.ts` and its run with an Envoy: a right sum and a wrong one',
  'WasmPlugin.imagePullPolicy': 'whether a kept module is fetched anew: `src/push/plugin-modules.test.ts`',
  'WasmPlugin.imagePullSecret': '`test/scenarios/wasm-modules.test.ts` and its run with an Envoy, out of a registry',
  'WasmPlugin.pluginName': 'the root id that a module reads: golden case `wasm`',
  'WasmPlugin.vmConfig.env.valueFrom': 'a variable of the proxy’s own: golden case `wasm`',
};
const NAMESPACE_OF_TARGET = /\.targetRefs?\.namespace$/;
/** No field may say so: a test looks for it. */
export const UNSHOWN = 'shown nowhere';
const OF_TARGETS = 'validation refuses it, as Istio does: a target is of the policy’s own namespace';
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
\`npm run scenarios\` prints them side by side; \`-- --only WORD\` and \`-- --plane NAME\` narrow it.
This page is written by \`node test/scenarios/list/coverage.ts\`.

## Differences

| What differs | Why |
|---|---|
${[...DIFFERENCES, ...argued(features)].map(({ what, why }) => `| ${what} | ${why} |`).join('\n')}

## Which scenario proves which field

| Field | Scenarios | Named |
|---|---|---|
${rows.join('\n')}

## Fields in force that no scenario proves

The policies of one port and of a subset (\`portLevelSettings\`, \`subsets.trafficPolicy\`) and of a Sidecar (\`inboundConnectionPool\`,
\`ingress.connectionPool\`) are read as \`trafficPolicy\` is: what they hold is not listed again.

| Field | Why |
|---|---|
${KINDS.flatMap((kind) => unproved(kind, fields))
  .map((field) => `| ${field} | ${NAMESPACE_OF_TARGET.test(field) ? OF_TARGETS : (ARGUED[field] ?? UNSHOWN)} |`)
  .join('\n')}
`;
}

/** Scenarios that do not hold on one of the planes. */
function argued(
  features: Awaited<ReturnType<typeof allFeatures>>,
): readonly { readonly what: string; readonly why: string }[] {
  return [...features].flatMap(([feature, scenarios]) =>
    scenarios.flatMap(({ name, differs }) =>
      differs === undefined
        ? []
        : [
            {
              what: `${feature}: ${name}, not on ${differs.plane === 'envoy' ? 'Envoy' : 'Topsail'}.`,
              why: differs.reason,
            },
          ],
    ),
  );
}

/** What it says, and what its configuration sets below. */
function allProved(scenario: Scenario): ReadonlySet<string> {
  const proved = new Set(scenario.proves.map((field) => field.replaceAll('[]', '')));
  for (const field of fieldsSet(scenario))
    if (scenario.proves.some((one) => field.startsWith(`${one.replaceAll('[]', '')}.`))) proved.add(field);
  return proved;
}

/** Without those above what is proved. */
function unproved(kind: (typeof KINDS)[number], proved: ReadonlyMap<string, unknown>): readonly string[] {
  const names = [...proved.keys()];
  return inForce(kind).filter(
    (field) => !REPEATED.test(field) && !names.some((name) => name === field || name.startsWith(`${field}.`)),
  );
}

if (process.argv[1] === import.meta.filename) writeFileSync(SCENARIOS_DOC, await scenariosDoc());

export function writtenDoc(): string {
  return readFileSync(SCENARIOS_DOC, 'utf8');
}
