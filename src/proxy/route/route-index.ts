// Finds the first matching route of a virtual host. Long lists are indexed by exact path and by prefix; order stays what was written.

import { barePath } from '../matcher/path-template.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import type { CompiledMatch } from './route-match.ts';

export interface Indexed {
  readonly match: CompiledMatch;
}

/** Below this many routes a scan is as quick as the maps. */
const INDEX_FROM = 12;

export class RouteIndex<R extends Indexed> {
  readonly #routes: readonly R[];
  readonly #indexed: boolean;
  readonly #exact = new Map<string, number[]>();
  readonly #prefix = new Map<string, number[]>();
  readonly #prefixLengths: readonly number[];
  /** Patterns, templates, connect and whatever ignores case: tried on every request. */
  readonly #others: number[] = [];

  constructor(routes: readonly R[]) {
    this.#routes = routes;
    this.#indexed = routes.length >= INDEX_FROM;
    if (this.#indexed) routes.forEach((route, i) => this.#add(route, i));
    this.#prefixLengths = [...new Set([...this.#prefix.keys()].map((prefix) => prefix.length))].sort((a, b) => a - b);
  }

  find(input: MatchInput, random: number): R | undefined {
    const path = barePath(input.head.path);
    if (this.#indexed) return this.#findIndexed(path, input, random);
    for (const route of this.#routes) if (accepts(route, path, input, random)) return route;
    return undefined;
  }

  #add(route: R, i: number): void {
    const { rule, ignoreCase, spellings } = route.match.path;
    const map = ignoreCase
      ? undefined
      : rule.kind === 'exact'
        ? this.#exact
        : rule.kind === 'prefix' || rule.kind === 'separated-prefix'
          ? this.#prefix
          : undefined;
    if (map === undefined) {
      this.#others.push(i);
      return;
    }
    for (const spelling of spellings) {
      const list = map.get(spelling);
      if (list === undefined) map.set(spelling, [i]);
      else list.push(i);
    }
  }

  #findIndexed(path: string, input: MatchInput, random: number): R | undefined {
    const lists: number[][] = [];
    const exact = this.#exact.get(path);
    if (exact !== undefined) lists.push(exact);
    for (const length of this.#prefixLengths) {
      if (length > path.length) break;
      const list = this.#prefix.get(path.slice(0, length));
      if (list !== undefined) lists.push(list);
    }
    if (this.#others.length > 0) lists.push(this.#others);
    const next = new Array<number>(lists.length).fill(0);
    for (;;) {
      let from = -1;
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < lists.length; i++) {
        const candidate = (lists[i] as number[])[next[i] as number];
        if (candidate !== undefined && candidate < best) {
          best = candidate;
          from = i;
        }
      }
      if (from < 0) return undefined;
      next[from] = (next[from] as number) + 1;
      const route = this.#routes[best] as R;
      if (accepts(route, path, input, random)) return route;
    }
  }
}

function accepts(route: Indexed, path: string, input: MatchInput, random: number): boolean {
  const { match } = route;
  return match.path.matches(path, input.head) && (match.condition === undefined || match.condition(input, random));
}
