// The plan of an upgrade: for each connected proxy, which of its resources come, change or go; proxies with equal changes stand together.
import type { GeneratedJson, GeneratedResource } from '#api';
import { type ResourceSet, TYPE_URL, type XdsResource } from '#base';
import { jsonChanges } from './json-changes.ts';

const SHORT: Readonly<Record<string, string>> = {
  [TYPE_URL.cluster]: 'cluster',
  [TYPE_URL.listener]: 'listener',
  [TYPE_URL.endpoint]: 'endpoints',
  [TYPE_URL.route]: 'route',
  [TYPE_URL.secret]: 'secret',
  [TYPE_URL.extensionConfig]: 'extension',
  [TYPE_URL.nameTable]: 'name table',
};
/** Pods that come and go change them at any time: they are told apart from what the version changes. */
const MOVING: ReadonlySet<string> = new Set([TYPE_URL.endpoint, TYPE_URL.nameTable]);

export interface ResourceChange {
  readonly sign: '+' | '~' | '-';
  readonly type: string;
  readonly name: string;
  /** Where it differs; empty for what comes or goes, and for secrets. */
  readonly details: readonly string[];
}

export interface ProxyPlan {
  /** NAME.NAMESPACE */
  readonly proxy: string;
  readonly changes: readonly ResourceChange[];
  /** Endpoints and names that differ: as they do all the time. */
  readonly moving: number;
}

export interface PlanInput {
  readonly running: readonly GeneratedJson[];
  /** Of all proxies of all control planes, in their order. */
  readonly next: readonly ResourceSet[];
  /** Of what the running ones generate; undefined: they would not say. */
  readonly bytesOf: (resources: readonly GeneratedResource[]) => Promise<readonly (Uint8Array | undefined)[]>;
  readonly decode: (typeUrl: string, bytes: Uint8Array) => unknown;
}

interface Pair {
  readonly before: GeneratedResource;
  readonly after: XdsResource;
}

export async function planProxies(input: PlanInput): Promise<readonly ProxyPlan[]> {
  const { running, next } = input;
  const pairs = new Map<string, Pair>();
  const compared = running
    .flatMap(({ proxies, resources }) => proxies.map((one) => ({ node: one.node, own: one.resources, resources })))
    .map(({ node, own, resources }, i) => {
      const after = next[i] as ResourceSet;
      const present = own.map((number) => resources[number] as GeneratedResource);
      const known = new Set(present.map(([typeUrl, name]) => `${typeUrl} ${name}`));
      const changed: Pair[] = [];
      const gone: GeneratedResource[] = [];
      for (const before of present) {
        const [typeUrl, name, version] = before;
        const now = after.get(typeUrl)?.get(name);
        if (now === undefined) gone.push(before);
        else if (now.version !== version) changed.push({ before, after: now });
      }
      for (const pair of changed) if (!MOVING.has(pair.before[0])) pairs.set(keyOf(pair), pair);
      const come = [...after].flatMap(([typeUrl, byName]) =>
        [...byName.keys()].filter((name) => !known.has(`${typeUrl} ${name}`)).map((name) => [typeUrl, name] as const),
      );
      return { node, changed, gone, come };
    });
  const details = await detailsOf([...pairs.values()], input);
  return compared.map(({ node, changed, gone, come }) => {
    const all: { typeUrl: string; change: ResourceChange }[] = [];
    const put = (sign: ResourceChange['sign'], typeUrl: string, name: string, told: readonly string[] = []): void =>
      void all.push({ typeUrl, change: { sign, type: SHORT[typeUrl] ?? typeUrl, name, details: told } });
    for (const [typeUrl, name] of come) put('+', typeUrl, name);
    for (const pair of changed) {
      const told = details.get(keyOf(pair));
      // Written in another order, it still means the same.
      if (told?.length !== 0) put('~', pair.before[0], pair.before[1], told ?? []);
    }
    for (const [typeUrl, name] of gone) put('-', typeUrl, name);
    const { parsed, id } = node;
    return {
      proxy: parsed === undefined ? id : `${parsed.workload}.${parsed.namespace}`,
      changes: all.filter(({ typeUrl }) => !MOVING.has(typeUrl)).map(({ change }) => change),
      moving: all.filter(({ typeUrl }) => MOVING.has(typeUrl)).length,
    };
  });
}

/** By pair; without an entry, nobody says what it was. */
async function detailsOf(
  pairs: readonly Pair[],
  { bytesOf, decode }: PlanInput,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const readable = pairs.filter(({ before }) => before[0] !== TYPE_URL.secret);
  const bytes = readable.length === 0 ? [] : await bytesOf(readable.map(({ before }) => before));
  const details = new Map<string, readonly string[]>();
  for (const [i, pair] of readable.entries()) {
    const former = bytes[i];
    if (former === undefined) continue;
    const changes = jsonChanges(decode(pair.before[0], former), decode(pair.before[0], pair.after.bytes));
    details.set(
      keyOf(pair),
      changes.map(({ path, before, after }) => `${path}: ${shown(before)} -> ${shown(after)}`),
    );
  }
  return details;
}

function keyOf({ before, after }: Pair): string {
  return `${before[0]} ${before[1]} ${before[2]} ${after.version}`;
}

const SHOWN_MAX = 100;

function shown(json: string | undefined): string {
  if (json === undefined) return '(none)';
  return json.length <= SHOWN_MAX ? json : `${json.slice(0, SHOWN_MAX)}…`;
}

/** A summary first, then what changes, once for all proxies to which the same happens. */
export function proxyPlanText(plans: readonly ProxyPlan[], detailsMax: number): string {
  const groups = new Map<string, ProxyPlan[]>();
  for (const plan of plans) {
    const key = JSON.stringify(plan.changes);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [plan]);
    else group.push(plan);
  }
  const still = plans.filter(({ changes }) => changes.length === 0).length;
  const moving = plans.reduce((sum, one) => sum + one.moving, 0);
  const lines = [
    `Proxies: ${plans.length} connected, ${still} get the same configuration, ${plans.length - still} another one`,
    ...(moving === 0
      ? []
      : [`  (${moving} lists of endpoints and names differ, too, as they do whenever pods come and go)`]),
  ];
  for (const group of groups.values()) {
    const { changes } = group[0] as ProxyPlan;
    if (changes.length === 0) continue;
    lines.push(`  ${group.map(({ proxy }) => proxy).join(', ')}: ${counts(changes)}`);
    for (const { sign, type, name, details } of changes) {
      lines.push(`    ${sign} ${type} ${name}`);
      for (const text of details.slice(0, detailsMax)) lines.push(`        ${text}`);
      if (details.length > detailsMax) lines.push(`        and ${details.length - detailsMax} more`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function counts(changes: readonly ResourceChange[]): string {
  const of = (sign: ResourceChange['sign']): number => changes.filter((one) => one.sign === sign).length;
  return `${of('+')} added, ${of('~')} changed, ${of('-')} removed`;
}
