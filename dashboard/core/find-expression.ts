// The find and hide language of the graph: terms that must all hold, alternatives after "or", "!" for not.
//
//   reviews                    name contains
//   ns=default errors>1        errors in percent, latencies in ms, rates per second
//   mtls=none or p99>500
import type { GraphLink, GraphNode } from './graph-model.ts';

export interface Finder {
  readonly node: (node: GraphNode) => boolean;
  readonly link: (link: GraphLink) => boolean;
}

export type FindResult =
  | { readonly ok: true; readonly finder: Finder | undefined }
  | { readonly ok: false; readonly problem: string };

interface Term {
  readonly key: string;
  readonly operator: string;
  readonly value: string;
  readonly not: boolean;
}

const TERM = /^(!?)(?:([a-z0-9]+)(!=|>=|<=|=|~|>|<))?(.+)$/i;

const NODE_KEYS: Readonly<Record<string, (node: GraphNode) => string | number>> = {
  name: (n) => n.label,
  ns: (n) => n.namespace,
  namespace: (n) => n.namespace,
  service: (n) => n.service,
  version: (n) => n.version,
  kind: (n) => n.kind,
  health: (n) => n.health,
  rps: (n) => n.rateIn,
  errors: (n) => n.errorShare * 100,
  p99: (n) => n.p99Ms,
};
const LINK_KEYS: Readonly<Record<string, (link: GraphLink) => string | number>> = {
  mtls: (l) => l.mtls,
  protocol: (l) => l.protocols.join(' '),
  to: (l) => l.services.join(' '),
  rps: (l) => l.rate,
  errors: (l) => l.errorShare * 100,
  p50: (l) => l.p50Ms,
  p95: (l) => l.p95Ms,
  p99: (l) => l.p99Ms,
};

export const FIND_KEYS: readonly string[] = [...new Set([...Object.keys(NODE_KEYS), ...Object.keys(LINK_KEYS)])];

/** An empty text finds nothing and is no mistake. */
export function parseFind(text: string): FindResult {
  const alternatives: Term[][] = [[]];
  for (const word of text
    .trim()
    .split(/\s+/)
    .filter((one) => one !== '')) {
    if (word.toLowerCase() === 'or') {
      alternatives.push([]);
      continue;
    }
    const [, not = '', key = 'name', operator = '~', value = ''] = TERM.exec(word) ?? [];
    const term = { key: key.toLowerCase(), operator, value: value.toLowerCase(), not: not === '!' };
    if (!FIND_KEYS.includes(term.key)) return { ok: false, problem: `"${key}" is no key: use ${FIND_KEYS.join(', ')}` };
    if (/[<>]/.test(operator) && !Number.isFinite(Number(value)))
      return { ok: false, problem: `"${word}": a number must follow ${operator}` };
    (alternatives.at(-1) as Term[]).push(term);
  }
  const real = alternatives.filter((terms) => terms.length > 0);
  if (real.length === 0) return { ok: true, finder: undefined };
  const matches =
    <T>(keys: Readonly<Record<string, (item: T) => string | number>>) =>
    (item: T): boolean =>
      real.some((terms) =>
        terms.every((term) => {
          const read = keys[term.key];
          return read !== undefined && holds(read(item), term) !== term.not;
        }),
      );
  return { ok: true, finder: { node: matches(NODE_KEYS), link: matches(LINK_KEYS) } };
}

function holds(actual: string | number, { operator, value }: Term): boolean {
  const text = String(actual).toLowerCase();
  switch (operator) {
    case '=':
      return text === value || Number(actual) === Number(value);
    case '!=':
      return text !== value;
    case '>':
      return Number(actual) > Number(value);
    case '>=':
      return Number(actual) >= Number(value);
    case '<':
      return Number(actual) < Number(value);
    case '<=':
      return Number(actual) <= Number(value);
    default:
      return text.includes(value);
  }
}
