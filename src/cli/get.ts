// topsail get: lists objects with what the mesh makes of them, as a table, YAML or JSON.
import type { ObjectJson, ProgrammedJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { kindOf } from './delete.ts';
import { CONCERNS_NONE } from './finding-text.ts';
import { objectName } from './kinds.ts';
import { type MeshClient, openMesh } from './mesh-client.ts';
import { duplicatesOf, faultsOf } from './own-faults.ts';
import { age, table } from './table.ts';

export interface GetOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly output?: string;
  readonly home?: string;
}

export async function get(context: CliContext, words: readonly string[], options: GetOptions): Promise<number> {
  const asked = split(words);
  const mesh = await openMesh(context, options.home);
  const found: ObjectJson[] = [];
  const missing: string[] = [];
  for (const one of asked) {
    const query = new URLSearchParams();
    if (one.kind !== 'all') query.set('kind', one.kind);
    if (options.allNamespaces !== true) query.set('namespace', options.namespace);
    if (one.name !== undefined) query.set('name', one.name);
    const objects = await mesh.get<readonly ObjectJson[]>(`/api/v1/objects?${query}`);
    if (one.name !== undefined && objects.length === 0) missing.push(`${one.kind} "${one.name}"`);
    found.push(...objects);
  }
  for (const name of missing) context.err(`Error (NotFound): ${name} not found\n`);
  const single = asked.length === 1 && asked[0]?.name !== undefined;
  if (found.length > 0) context.out(await render(found, options, single, context));
  else if (missing.length === 0) {
    context.err(
      options.allNamespaces === true
        ? 'No resources found\n'
        : `No resources found in ${options.namespace} namespace.\n`,
    );
  }
  const lists = asked.filter(({ kind, name }) => name === undefined && (kind === 'all' || found.length === 0));
  const shownAsTable = ['', 'wide'].includes(options.output ?? '');
  const elsewhere = options.allNamespaces === true || !shownAsTable ? 0 : await countElsewhere(lists, options, mesh);
  if (elsewhere > 0)
    context.err(
      `${elsewhere} ${elsewhere === 1 ? 'object in another namespace: -A shows it' : 'objects in other namespaces: -A shows them'}\n`,
    );
  return missing.length > 0 ? 1 : 0;
}

async function countElsewhere(
  lists: readonly { readonly kind: string }[],
  { namespace }: GetOptions,
  mesh: MeshClient,
): Promise<number> {
  let count = 0;
  for (const { kind } of lists) {
    const query = kind === 'all' ? '' : `?${new URLSearchParams({ kind })}`;
    const all = await mesh.get<readonly ObjectJson[]>(`/api/v1/objects${query}`);
    count += all.filter((one) => one.namespace !== '' && one.namespace !== namespace).length;
  }
  return count;
}

function split(words: readonly string[]): { kind: string; name: string | undefined }[] {
  const [first, ...names] = words;
  if (first === undefined)
    throw new CliError('Name a kind: topsail get virtualservices, topsail get vs reviews, topsail get all.');
  if (first.includes('/')) {
    return words.map((word) => {
      const [kind, name] = word.split('/');
      return { kind: kindOf(kind as string), name };
    });
  }
  const kinds = first.split(',').map((kind) => (kind === 'all' ? 'all' : kindOf(kind)));
  if (names.length === 0) return kinds.map((kind) => ({ kind, name: undefined }));
  return kinds.flatMap((kind) => names.map((name) => ({ kind, name })));
}

async function render(
  objects: readonly ObjectJson[],
  options: GetOptions,
  single: boolean,
  context: CliContext,
): Promise<string> {
  const output = options.output ?? '';
  if (output === 'name') return objects.map((one) => `${objectName(one)}\n`).join('');
  if (output === 'json' || output === 'yaml') {
    const items = objects.map(manifest);
    const value = single && items.length === 1 ? items[0] : { apiVersion: 'v1', kind: 'List', items };
    if (output === 'json') return `${JSON.stringify(value, undefined, 2)}\n`;
    const { toYaml } = await import('./to-yaml.ts');
    return toYaml(value);
  }
  return listing(objects, options.allNamespaces === true, output === 'wide', context.clock.wallTime());
}

function listing(objects: readonly ObjectJson[], withNamespace: boolean, wide: boolean, nowMs: number): string {
  const kinds = new Set(objects.map((one) => one.kind));
  const rows = objects.map((one) => [
    ...(withNamespace ? [one.namespace] : []),
    kinds.size > 1 ? objectName(one) : one.name,
    ...describeSpec(one),
    stateText(one),
    programmedCell(one.programmed),
    one.createdMs === 0 ? '-' : age(nowMs - one.createdMs),
    ...(wide ? [`${one.file}:${one.line}`] : []),
  ]);
  const heads = [
    ...(withNamespace ? ['NAMESPACE'] : []),
    'NAME',
    ...specHeads(objects),
    'STATE',
    'PROGRAMMED',
    'AGE',
    ...(wide ? ['SOURCE'] : []),
  ];
  return table(heads, rows);

  function describeSpec(one: ObjectJson): string[] {
    return kinds.size > 1 ? [] : specCells(one);
  }
  function specHeads(all: readonly ObjectJson[]): string[] {
    return kinds.size > 1 || all.length === 0 ? [] : (SPEC_COLUMNS[(all[0] as ObjectJson).kind]?.heads ?? []);
  }
}

type Column = { readonly heads: string[]; readonly cells: (spec: Readonly<Record<string, unknown>>) => string[] };
/** As kubectl prints a printer column that is a list: `["*"]`. */
const texts = (value: unknown): string => (Array.isArray(value) ? JSON.stringify(value) : '');
function fieldText(spec: unknown, ...path: readonly string[]): string {
  const found = path.reduce((at, name) => (at as Record<string, unknown> | undefined)?.[name], spec);
  return found === undefined ? '' : String(found);
}
const SPEC_COLUMNS: Readonly<Record<string, Column>> = {
  VirtualService: { heads: ['GATEWAYS', 'HOSTS'], cells: (s) => [texts(s['gateways']), texts(s['hosts'])] },
  DestinationRule: { heads: ['HOST'], cells: (s) => [String(s['host'] ?? '')] },
  ServiceEntry: {
    heads: ['HOSTS', 'LOCATION', 'RESOLUTION'],
    cells: (s) => [texts(s['hosts']), String(s['location'] ?? ''), String(s['resolution'] ?? '')],
  },
  PeerAuthentication: { heads: ['MODE'], cells: (s) => [fieldText(s, 'mtls', 'mode')] },
  AuthorizationPolicy: { heads: ['ACTION'], cells: (s) => [String(s['action'] ?? 'ALLOW')] },
  MessageLimits: {
    heads: ['REQUEST-BODY', 'REQUEST-KIB', 'RESPONSE-KIB'],
    cells: (s) => [
      fieldText(s, 'request', 'body', 'maxBytes'),
      fieldText(s, 'request', 'headers', 'maxKiB'),
      fieldText(s, 'response', 'headers', 'maxKiB'),
    ],
  },
  RateLimit: {
    heads: ['RULES'],
    cells: (s) => [((s['rules'] as RateRule[] | undefined) ?? []).map(rateText).join(', ')],
  },
  WorkloadEntry: { heads: ['ADDRESS'], cells: (s) => [String(s['address'] ?? '')] },
  Service: {
    heads: ['PORT(S)'],
    cells: (s) => [
      ((s['ports'] as { port?: number; protocol?: string }[] | undefined) ?? [])
        .map((p) => `${p.port}/${p.protocol ?? 'TCP'}`)
        .join(','),
    ],
  },
};

interface RateRule {
  readonly name?: string;
  readonly by?: readonly { readonly attribute?: string; readonly claim?: string; readonly header?: string }[];
  readonly limit?: { readonly requests?: number; readonly per?: string; readonly burst?: number };
  readonly mode?: string;
}

/** `orders: 20/minute burst 5 by CLIENT+claim:sub (shadow)`. */
function rateText({ name, by = [], limit, mode }: RateRule): string {
  const keys = by.map(({ attribute, claim, header }) =>
    claim !== undefined ? `claim:${claim}` : header !== undefined ? `header:${header}` : (attribute ?? ''),
  );
  return [
    `${name ?? ''}: ${limit?.requests ?? ''}/${(limit?.per ?? '').toLowerCase()}`,
    ...(limit?.burst === undefined ? [] : [`burst ${limit.burst}`]),
    ...(keys.length === 0 ? [] : [`by ${keys.join('+')}`]),
    ...(mode === 'SHADOW' ? ['(shadow)'] : []),
  ].join(' ');
}

function specCells(one: ObjectJson): string[] {
  return SPEC_COLUMNS[one.kind]?.cells((one.spec ?? {}) as Record<string, unknown>) ?? [];
}

function stateText(one: ObjectJson): string {
  if (one.state === 'lastGood') return 'LastGood';
  if (one.state === 'refused') return 'Refused';
  if (faultsOf(one.findings).length > 0) return 'Error';
  const state = one.findings.some((finding) => finding.severity === 'warning') ? 'Warning' : 'Accepted';
  const duplicates = duplicatesOf(one.findings);
  return duplicates.length === 0 ? state : `${state} (duplicate in ${duplicates.join(', ')})`;
}

export function programmedCell(programmed: ProgrammedJson): string {
  return programmed.concerned === 0 ? CONCERNS_NONE : `${programmed.acknowledged}/${programmed.concerned}`;
}

function manifest(one: ObjectJson): Record<string, unknown> {
  return {
    apiVersion: one.apiVersion,
    kind: one.kind,
    metadata: {
      name: one.name,
      ...(one.namespace === '' ? {} : { namespace: one.namespace }),
      ...(Object.keys(one.labels).length === 0 ? {} : { labels: one.labels }),
      ...(Object.keys(one.annotations).length === 0 ? {} : { annotations: one.annotations }),
      generation: one.generation,
      ...(one.createdMs === 0 ? {} : { creationTimestamp: new Date(one.createdMs).toISOString() }),
    },
    ...(one.spec === undefined ? {} : isCore(one) ? (one.spec as Record<string, unknown>) : { spec: one.spec }),
    status: {
      observedGeneration: one.generation,
      conditions: [
        condition('Accepted', one.state === 'accepted', one.state),
        condition(
          'Programmed',
          one.programmed.concerned === one.programmed.acknowledged,
          programmedCell(one.programmed),
        ),
      ],
      ...(one.findings.length === 0
        ? {}
        : { validationMessages: one.findings.map((f) => ({ level: f.severity, code: f.code, message: f.message })) }),
    },
  };
}

/** Kinds whose content stands beside `metadata` and not under `spec`. */
function isCore(one: ObjectJson): boolean {
  return one.kind === 'Secret' || one.kind === 'ConfigMap' || one.kind === 'Endpoints' || one.kind === 'EndpointSlice';
}

function condition(type: string, status: boolean, reason: string): Record<string, string> {
  return { type, status: status ? 'True' : 'False', reason };
}
