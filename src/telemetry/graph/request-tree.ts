// Which hop of a request caused which: the two accounts of one connection belong together, and what a workload asks for
// to what it was asked meanwhile. By span ids where proxies trace, else by the connection's own address, who the ends
// are, and time; where time alone tells parallel calls of one workload apart, the other candidates are named.

import type { TapRecordJson } from './tap-record.ts';

export interface TreeHop<T extends TapRecordJson = TapRecordJson> {
  readonly hop: T;
  /** Index in the same list, which lies before it; -1: nobody tells what caused it. */
  readonly parent: number;
  readonly depth: number;
  /** Other hops that may as well have caused it. */
  readonly maybe: readonly number[];
}

/** Clocks of two proxies differ by some of this, and starts are told in whole ms. */
const SLACK_MS = 20;
/** Both accounts are of one proxy. */
const OWN_SLACK_MS = 2;

interface Link {
  readonly parent: TapRecordJson;
  readonly maybe: readonly TapRecordJson[];
}

/** The hops of one request, each after what caused it; what caused nothing more, in the order of time. */
export function requestTree<T extends TapRecordJson>(records: readonly T[]): readonly TreeHop<T>[] {
  const hops = [...records].sort((a, b) => a.atMs - b.atMs || b.durationMs - a.durationMs);
  const links = linkWorkloads(hops, linkConnections(hops));
  const children = Map.groupBy(hops, (hop) => links.get(hop)?.parent);
  const ordered: { readonly hop: T; readonly depth: number }[] = [];
  const follow = (hop: T, depth: number): void => {
    ordered.push({ hop, depth });
    for (const child of children.get(hop) ?? []) follow(child, depth + 1);
  };
  for (const root of children.get(undefined) ?? []) follow(root, 0);
  const at = new Map<TapRecordJson | undefined, number>(ordered.map(({ hop }, i) => [hop, i]));
  return ordered.map(({ hop, depth }) => {
    const link = links.get(hop);
    return {
      hop,
      depth,
      parent: at.get(link?.parent) ?? -1,
      maybe: (link?.maybe ?? []).map((one) => at.get(one) ?? -1),
    };
  });
}

/** An inbound account and the outbound one of the proxy that sent it: the best pairs first, each outbound one once for each try. */
function linkConnections(hops: readonly TapRecordJson[]): Map<TapRecordJson, Link> {
  const pairs = hops
    .filter((hop) => hop.direction === 'outbound')
    .flatMap((from) => hops.map((to) => ({ from, to, score: connectionScore(from, to) })))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || distance(a) - distance(b));
  const links = new Map<TapRecordJson, Link>();
  const room = new Map(hops.map((hop) => [hop, Math.max(1, hop.attempts)]));
  for (const { from, to } of pairs) {
    const left = room.get(from) ?? 0;
    if (links.has(to) || left === 0) continue;
    links.set(to, { parent: from, maybe: [] });
    room.set(from, left - 1);
  }
  return links;
}

function connectionScore(from: TapRecordJson, to: TapRecordJson): number {
  if (to.direction !== 'inbound' || !isWithin(to, from, SLACK_MS)) return 0;
  const span = isSame(from.spanId, to.parentSpanId);
  const connection = isSame(from.connection, to.connection);
  const ends = nameOf(from.destination) === nameOf(to);
  if (!span && !connection && !ends) return 0;
  const asked = nameOf(to.source) === nameOf(from);
  return (span ? 16 : 0) + (connection ? 8 : 0) + (ends ? 4 : 0) + (asked ? 2 : 0) + (from.path === to.path ? 1 : 0);
}

function distance({ from, to }: { readonly from: TapRecordJson; readonly to: TapRecordJson }): number {
  return Math.abs(to.atMs - from.atMs);
}

/** What a workload asks for, and what it was asked at that time. */
function linkWorkloads(hops: readonly TapRecordJson[], links: Map<TapRecordJson, Link>): Map<TapRecordJson, Link> {
  const given = new Map<TapRecordJson, string[]>();
  for (const hop of hops) {
    if (hop.direction !== 'outbound') continue;
    const able = hops.filter(
      (one) =>
        one.direction === 'inbound' &&
        nameOf(one) === nameOf(hop) &&
        isWithin(hop, one, OWN_SLACK_MS) &&
        !descends(one, hop, links),
    );
    const bySpan = able.find((one) => isSame(one.spanId, hop.parentSpanId));
    const target = `${hop.authority} ${hop.path}`;
    const asked = (one: TapRecordJson): number => (given.get(one) ?? []).filter((name) => name === target).length;
    // Calls alike that run side by side are shared out; else whoever was asked last is meant.
    const least = Math.min(...able.map(asked));
    const parent = bySpan ?? able.find((one) => asked(one) === least);
    if (parent === undefined) continue;
    links.set(hop, { parent, maybe: bySpan === undefined ? able.filter((one) => one !== parent) : [] });
    given.set(parent, [...(given.get(parent) ?? []), target]);
  }
  return links;
}

function descends(hop: TapRecordJson, from: TapRecordJson, links: ReadonlyMap<TapRecordJson, Link>): boolean {
  for (let one: TapRecordJson | undefined = hop; one !== undefined; one = links.get(one)?.parent)
    if (one === from) return true;
  return false;
}

/** It began while the other lasted. */
function isWithin(inner: TapRecordJson, outer: TapRecordJson, slackMs: number): boolean {
  return inner.atMs >= outer.atMs - slackMs && inner.atMs <= outer.atMs + outer.durationMs + slackMs;
}

/** Agents of an older version do not tell them at all. */
function isSame(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && a !== '' && a === b;
}

function nameOf({ namespace, workload }: { readonly namespace: string; readonly workload: string }): string {
  return `${namespace}/${workload}`;
}
