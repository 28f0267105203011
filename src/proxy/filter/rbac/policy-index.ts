// Finds the policies whose demand a request meets, by the text itself: the cost follows the text's length, not the number of policies.

import type { MatchInput, RequestPredicate } from '../../matcher/match-input.ts';
import { barePath } from '../../matcher/path-template.ts';
import { readEach } from '../../matcher/request-header.ts';
import type { Demand, Pattern } from './demand.ts';

export interface IndexedPolicy {
  /** Place in the order of names: the first match names the decision. */
  readonly order: number;
  readonly matches: RequestPredicate;
}

/** Patterns of one kind: the length of a prefix or suffix is looked up before its text. */
interface Table<P> {
  readonly how: Pattern['how'];
  readonly ignoreCase: boolean;
  /** Ascending. */
  lengths: readonly number[];
  readonly byText: Map<string, P[]>;
}

/** Policies that demand something of one source. They are added in their order. */
export class PolicyIndex<P extends IndexedPolicy> {
  readonly #valuesOf: (input: MatchInput) => readonly string[];
  readonly #tables: Table<P>[] = [];

  constructor(source: string) {
    this.#valuesOf = valuesOf(source);
  }

  add(patterns: Demand['patterns'], policy: P): void {
    for (const { how, text, ignoreCase } of patterns) {
      let table = this.#tables.find((one) => one.how === how && one.ignoreCase === ignoreCase);
      if (table === undefined) this.#tables.push((table = { how, ignoreCase, lengths: [], byText: new Map() }));
      const list = table.byText.get(text);
      if (list === undefined) table.byText.set(text, [policy]);
      else if (list.at(-1) !== policy) list.push(policy);
      if (!table.lengths.includes(text.length)) table.lengths = [...table.lengths, text.length].sort((a, b) => a - b);
    }
  }

  /** The first match in order of names, of these and what was found before. */
  firstMatch(input: MatchInput, found: P | undefined): P | undefined {
    let best = found;
    for (const value of this.#valuesOf(input))
      for (const table of this.#tables) best = searchTable(table, value, input, best);
    return best;
  }
}

export function search<P extends IndexedPolicy>(
  list: readonly P[] | undefined,
  input: MatchInput,
  best: P | undefined,
): P | undefined {
  if (list === undefined) return best;
  for (const policy of list) {
    if (best !== undefined && policy.order >= best.order) return best;
    if (policy.matches(input)) return policy;
  }
  return best;
}

function searchTable<P extends IndexedPolicy>(
  { how, ignoreCase, lengths, byText }: Table<P>,
  value: string,
  input: MatchInput,
  found: P | undefined,
): P | undefined {
  let best = found;
  if (how === 'exact') return search(byText.get(ignoreCase ? value.toLowerCase() : value), input, best);
  if (how === 'namespace') {
    for (const namespace of namespacesIn(value)) best = search(byText.get(namespace), input, best);
    return best;
  }
  // Folded in the same way as the matcher does: whole for a suffix, the part alone for a prefix.
  const text = ignoreCase && how === 'suffix' ? value.toLowerCase() : value;
  for (const length of lengths) {
    if (length > text.length) break;
    const part = how === 'prefix' ? text.slice(0, length) : text.slice(text.length - length);
    best = search(byText.get(ignoreCase && how === 'prefix' ? part.toLowerCase() : part), input, best);
  }
  return best;
}

/** An identity may be any URI: every `/ns/NAMESPACE/sa/` in it counts, as the matcher would find it. */
function namespacesIn(identity: string): readonly string[] {
  const found: string[] = [];
  for (let at = identity.indexOf('/ns/'); at >= 0; at = identity.indexOf('/ns/', at + 1)) {
    const end = identity.indexOf('/', at + 4);
    if (end > at + 4 && identity.startsWith('/sa/', end)) found.push(identity.slice(at + 4, end));
  }
  return found;
}

const NONE: readonly string[] = [];

function valuesOf(source: string): (input: MatchInput) => readonly string[] {
  if (source === 'identity')
    return ({ connection }) => {
      if (!connection.mtls) return NONE;
      const { peerUriSans, peerPrincipal } = connection;
      return peerPrincipal === '' || peerUriSans.includes(peerPrincipal)
        ? peerUriSans
        : [...peerUriSans, peerPrincipal];
    };
  if (source === 'path') return ({ head }) => [barePath(head.path)];
  const name = source.slice('header '.length);
  return ({ head }) => readEach(head, name);
}
