// Rules of a VirtualService that can never match because an earlier one matches the same (IST0130, IST0131).

import type { Complaint } from '../model/complaint.ts';
import type { ConfigObject } from '../model/object.ts';
import type { HttpMatch, VirtualServiceSpec } from '../model/virtual-service.ts';
import { finding } from './findings.ts';

interface Rule {
  readonly name?: string;
  readonly delegate?: object;
  readonly match?: readonly object[];
}

const ruleName = (rule: Rule, i: number): string => rule.name ?? `#${i}`;

/** An object never changes: each is read once, however many states of the configuration have it. */
const known = new WeakMap<object, readonly Complaint[]>();

export function unreachableRules(object: ConfigObject<VirtualServiceSpec>): readonly Complaint[] {
  const found =
    known.get(object) ??
    (['http', 'tls', 'tcp'] as const).flatMap((kind) =>
      unreachable(object, kind, (object.spec[kind] ?? []) as readonly Rule[]),
    );
  known.set(object, found);
  return found;
}

function unreachable(
  object: ConfigObject<VirtualServiceSpec>,
  kind: 'http' | 'tls' | 'tcp',
  rules: readonly Rule[],
): Complaint[] {
  const found: Complaint[] = [];
  const seen = new Map<string, number>();
  const prefixes: { readonly prefix: string; readonly rest: string; readonly rule: number }[] = [];
  let everything: number | undefined;
  for (const [i, rule] of rules.entries()) {
    const path = ['spec', kind, i];
    const name = ruleName(rule, i);
    const matches = rule.match ?? [];
    if (everything !== undefined)
      found.push(
        finding('IST0130', object, path, {
          rule: name,
          reason: `rule ${ruleName(rules[everything] as Rule, everything)} before it matches everything`,
        }),
      );
    // A delegate's rules match less than the rule that names it: what they leave comes to the rules after it.
    const takesAll = rule.delegate === undefined;
    if (matches.length === 0) {
      if (takesAll) everything ??= i;
      continue;
    }
    let repeated = 0;
    for (const [j, match] of matches.entries()) {
      const key = keyOf(match);
      const other = seen.get(key) ?? coveringPrefix(match, prefixes);
      if (other !== undefined && other !== i) {
        repeated++;
        found.push(
          finding('IST0131', object, [...path, 'match', j], {
            rule: name,
            match: (match as { name?: string }).name ?? `#${j}`,
            other: ruleName(rules[other] as Rule, other),
          }),
        );
      }
      if (!takesAll) continue;
      seen.set(key, seen.get(key) ?? i);
      remember(match, i, prefixes);
    }
    if (repeated === matches.length && everything === undefined)
      found.push(finding('IST0130', object, path, { rule: name, reason: 'earlier rules match all that it matches' }));
  }
  return found;
}

function keyOf(match: object): string {
  const { name: _, statPrefix: __, ...rest } = match as HttpMatch;
  return JSON.stringify(rest, sortedKeys);
}

/** Equal matches written in another order are equal. */
function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function split(match: object): { readonly prefix: string; readonly rest: string } | undefined {
  const { uri, ...others } = match as HttpMatch;
  return uri?.prefix === undefined ? undefined : { prefix: uri.prefix, rest: keyOf(others) };
}

function remember(match: object, rule: number, prefixes: { prefix: string; rest: string; rule: number }[]): void {
  const parts = split(match);
  if (parts !== undefined) prefixes.push({ ...parts, rule });
}

/** An earlier rule whose prefix is a beginning of this one's path, all else equal. */
function coveringPrefix(
  match: object,
  prefixes: readonly { readonly prefix: string; readonly rest: string; readonly rule: number }[],
): number | undefined {
  const { uri, ...others } = match as HttpMatch;
  const path = uri?.prefix ?? uri?.exact;
  if (path === undefined) return undefined;
  const rest = keyOf(others);
  return prefixes.find((earlier) => earlier.rest === rest && path.startsWith(earlier.prefix))?.rule;
}
