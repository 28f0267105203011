// topsail describe: one object in words: where it stands, what is wrong with it, who has it.
import type { ObjectJson } from '#api';
import type { CliContext } from './context.ts';
import { namedObjects } from './delete.ts';
import { findingText, laggingText } from './finding-text.ts';
import { programmedCell } from './get.ts';
import { openMesh } from './mesh-client.ts';
import { age } from './table.ts';

export interface DescribeOptions {
  readonly namespace: string;
  readonly home?: string;
}

export async function describe(
  context: CliContext,
  words: readonly string[],
  options: DescribeOptions,
): Promise<number> {
  const ids = namedObjects(words, options.namespace);
  const mesh = await openMesh(context, options.home);
  const { toYaml } = await import('./to-yaml.ts');
  let missing = 0;
  for (const id of ids) {
    const query = new URLSearchParams({ kind: id.kind, namespace: id.namespace, name: id.name });
    const objects = await mesh.get<readonly ObjectJson[]>(`/api/v1/objects?${query}`);
    if (objects.length === 0) {
      missing += 1;
      context.err(`Error (NotFound): ${id.kind} "${id.name}" not found in namespace ${id.namespace}\n`);
    }
    for (const one of objects) context.out(text(one, toYaml(one.spec ?? {}), context.clock.wallTime()));
  }
  return missing > 0 ? 1 : 0;
}

function text(one: ObjectJson, spec: string, nowMs: number): string {
  const rows: [string, string][] = [
    ['Name', one.name],
    ['Namespace', one.namespace],
    ['Kind', `${one.kind} (${one.apiVersion})`],
    ['Source', sourceText(one)],
    ['Generation', String(one.generation)],
    ['Age', one.createdMs === 0 ? 'unknown' : age(nowMs - one.createdMs)],
    ['State', stateLine(one)],
    ['Programmed', programmedLine(one)],
    ...portRows(one),
  ];
  const labels = Object.entries(one.labels).map(([k, v]) => `${k}=${v}`);
  if (labels.length > 0) rows.push(['Labels', labels.join(', ')]);
  const head = rows.map(([name, value]) => `${`${name}:`.padEnd(14)}${value}\n`).join('');
  const findings =
    one.findings.length === 0 ? '' : `Findings:\n${one.findings.map((f) => `  ${findingText(f)}`).join('')}`;
  return `${head}${laggingText(one.programmed)}${findings}Spec:\n${spec.trimEnd().replace(/^(?=.)/gm, '  ')}\n`;
}

/** A workload that joined by itself listens elsewhere than on the ports of its service. */
function portRows({ annotations }: ObjectJson): [string, string][] {
  const bound = annotations['topsail.io/bound-ports'];
  if (bound === undefined) return [];
  const ports = bound.split(',').map((pair) => {
    const [port, at] = pair.split(':');
    return port === at ? port : `${port} (listens on ${at})`;
  });
  return [['Ports', ports.join(', ')]];
}

function programmedLine({ programmed, spec }: ObjectJson): string {
  const { selector } = (spec ?? {}) as { readonly selector?: unknown };
  const nobody = programmed.concerned === 0 && selector !== undefined;
  return `${programmedCell(programmed)}${nobody ? ' (no workload matches the selector)' : ''}`;
}

/** What is in no file was registered by the proxy of a workload, and leaves with it. */
function sourceText({ file, line, annotations }: ObjectJson): string {
  if (file !== '') return `${file}${line > 0 ? `:${line}` : ''}`;
  return annotations['istio.io/autoRegistration'] === 'true' ? "none: registered by its workload's proxy" : 'none';
}

function stateLine({ state, findings }: ObjectJson): string {
  if (state === 'lastGood') return 'the present text is bad; its last good version stays in force';
  if (state === 'refused') return 'refused: it is not in force';
  // Valid by itself, and yet the rest of the configuration keeps a part of it out.
  const errors = findings.filter((finding) => finding.severity === 'error');
  return errors.length === 0
    ? 'accepted: the text in force is the text written'
    : `accepted, but not all of it is in force: see ${[...new Set(errors.map((one) => one.code))].join(', ')} below`;
}
