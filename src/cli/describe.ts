// topsail describe: one object in words: where it stands, what is wrong with it, who has it.
import type { ObjectJson, StatusJson } from '#api';
import type { CliContext } from './context.ts';
import { namedObjects } from './delete.ts';
import { findingText, laggingText } from './finding-text.ts';
import { programmedCell } from './get.ts';
import { type MeshClient, openMesh } from './mesh-client.ts';
import { faultsOf } from './own-faults.ts';
import { age } from './table.ts';

type Labels = Readonly<Record<string, string>>;
/** What stands there may be meant for all namespaces, by rules of each kind. */
const ROOT_NAMESPACE = 'istio-system';
/** Kinds whose selector there chooses workloads of all namespaces. */
const MESH_WIDE: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'RequestAuthentication', 'RateLimit']);

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
    for (const one of objects) {
      const selects = await selectRows(one, mesh);
      context.out(text(one, selects, toYaml(one.spec ?? {}), context.clock.wallTime()));
    }
  }
  return missing > 0 ? 1 : 0;
}

function text(one: ObjectJson, selects: [string, string][], spec: string, nowMs: number): string {
  const rows: [string, string][] = [
    ['Name', one.name],
    ['Namespace', one.namespace],
    ['Kind', `${one.kind} (${one.apiVersion})`],
    ['Source', sourceText(one)],
    ['Generation', String(one.generation)],
    ['Age', one.createdMs === 0 ? 'unknown' : age(nowMs - one.createdMs)],
    ['State', stateLine(one)],
    ['Programmed', programmedCell(one.programmed)],
    ...selects,
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

/** What a selector finds among the workloads of this mesh; nothing where it cannot be told. */
async function selectRows(one: ObjectJson, mesh: MeshClient): Promise<[string, string][]> {
  const spec = (one.spec ?? {}) as {
    readonly selector?: { readonly matchLabels?: Labels };
    readonly workloadSelector?: { readonly labels?: Labels };
  };
  const wanted = Object.entries(spec.selector?.matchLabels ?? spec.workloadSelector?.labels ?? {});
  // A ServiceEntry selects WorkloadEntries, which need no proxy.
  if (wanted.length === 0 || one.kind === 'ServiceEntry') return [];
  const { workloads, proxies } = await mesh.get<StatusJson>('/api/v1/status');
  const listed = proxies.every((p) => workloads.some((w) => w.name === p.name && w.namespace === p.namespace));
  if (!listed) return [];
  const fits = workloads.filter((w) => wanted.every(([key, value]) => w.labels[key] === value));
  if (fits.length === 0) return [['Selects', 'nobody: no workload matches']];
  if (one.namespace === ROOT_NAMESPACE) {
    const named = fits.map(({ name, namespace }) => (namespace === ROOT_NAMESPACE ? name : `${name}.${namespace}`));
    return MESH_WIDE.has(one.kind) ? [['Selects', named.sort().join(', ')]] : [];
  }
  const names = fits.filter((w) => w.namespace === one.namespace).map((w) => w.name);
  return [['Selects', names.sort().join(', ') || 'nobody: no workload of its namespace matches']];
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
  const errors = faultsOf(findings);
  return errors.length === 0
    ? 'accepted: the text in force is the text written'
    : `accepted, but not all of it is in force: see ${[...new Set(errors.map((one) => one.code))].join(', ')} below`;
}
