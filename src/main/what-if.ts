// What an edit would change for the requests of the last minutes: the snapshot that it would make is translated for the
// proxies that saw them, and each request is routed and judged again, before and after. Nothing is applied.
import type { ObjectId, RecentRequest, TapRecordJson, WhatIf, WhatIfChangeJson, WhatIfEffect, WhatIfJson } from '#api';
import type { ProxyNode } from '#base';
import { editedView, type KindName, objectKey, type ParsedDocument, parseText } from '#config';
import { buildSnapshot, type Snapshot, withSettledModes } from '#push';
import type { RegistryView } from '#registry';
import type { TrafficGraph } from '#telemetry';
import { TranslationCache, translate } from '#translate';
import { displayName } from './program-tracker.ts';
import { judge, type Judgement } from './what-if-access.ts';
import { type RouteOutcome, RouteReplay } from './what-if-route.ts';

export interface WhatIfParts {
  readonly snapshot: () => Snapshot | undefined;
  readonly registry: () => RegistryView | undefined;
  readonly nodes: () => Iterable<ProxyNode>;
  readonly wallTime: () => number;
  /** All that proxies saw, of which the replayed requests are a sample. */
  readonly traffic: Pick<TrafficGraph, 'edges'>;
}

/** Proxies whose resources are made twice for one answer: those with the most requests. */
const PROXIES_MAX = 64;
const CHANGES_MAX = 200;
const IDS_MAX = 5;
/** What the replay cannot show, by kind. */
const BEYOND: Readonly<Record<string, string>> = {
  DestinationRule:
    'Connection pools, outlier detection and load balancing act under load: the replay shows subsets and endpoints only.',
  RequestAuthentication: 'Tokens are not remembered: whose would be refused cannot be told.',
  EnvoyFilter: 'What an EnvoyFilter does to a request is not replayed.',
  WasmPlugin: 'What a WasmPlugin does to a request is not replayed.',
  Telemetry: 'A Telemetry object changes what is told of requests, not what becomes of them.',
  Service: 'Services and endpoints are replayed as they are now.',
  ServiceEntry: 'Services and endpoints are replayed as they are now.',
  WorkloadEntry: 'Services and endpoints are replayed as they are now.',
};

type Found = Pick<WhatIfChangeJson, 'effect' | 'before' | 'after' | 'cause' | 'unsure'>;

export function whatIf(parts: WhatIfParts): WhatIf {
  return (ask, recent) => {
    const documents = ask.texts.flatMap(({ file, text }) => parseText(file, text, { defaultNamespace: ask.namespace }));
    const before = parts.snapshot();
    const registry = parts.registry();
    const findings = documents.flatMap((one) => one.complaints);
    const objects = [...documents.flatMap(idOf), ...(ask.removed ?? [])];
    const nothing = { findings, objects, changes: [], requests: 0, seen: 0, sinceMs: 0, unchanged: 0 };
    if (before === undefined || registry === undefined || findings.some((one) => one.severity === 'error'))
      return { ...nothing, notes: ['Nothing was replayed: the edit has errors.'] };
    const config = editedView(before.config, documents, {
      removed: (ask.removed ?? []).map((id) => objectKey(id.kind as KindName, id.namespace, id.name)),
      nowMs: parts.wallTime(),
    });
    const after = withSettledModes(
      buildSnapshot({
        config,
        registry,
        domain: before.domain,
        trustDomain: before.mesh.trustDomain,
        former: before,
        keySets: before.keySets,
      }),
    );
    const own = after.conditions.filter(
      (one) => !before.conditions.some((old) => old.code === one.code && old.message === one.message),
    );
    const replay = new Replay(before, after, parts.nodes());
    const { changes, requests, sinceMs } = replay.run(recent);
    const changed = changes.reduce((sum, one) => sum + one.count, 0);
    return {
      findings: [...findings, ...own],
      objects,
      changes: merged(changes)
        .sort((a, b) => rank(a.effect) - rank(b.effect) || b.count - a.count)
        .slice(0, CHANGES_MAX),
      requests,
      seen: Math.max(requests, seenSince(parts, sinceMs)),
      sinceMs,
      unchanged: requests - changed,
      notes: [...new Set([...objects.flatMap(({ kind }) => BEYOND[kind] ?? []), ...replay.notes()])],
    } satisfies WhatIfJson;
  };
}

function rank(effect: WhatIfEffect): number {
  return ['fails', 'may fail', 'slower', 'moves', 'recovers'].indexOf(effect);
}

/** What is told alike is one row, whatever else parts its requests: response, identity, route. */
function merged(changes: readonly WhatIfChangeJson[]): WhatIfChangeJson[] {
  const alike = Map.groupBy(changes, ({ count: _count, ids: _ids, ...shown }) => JSON.stringify(shown));
  return Array.from(alike.values(), (all) => ({
    ...(all[0] as WhatIfChangeJson),
    count: all.reduce((sum, one) => sum + one.count, 0),
    ids: all.flatMap((one) => one.ids).slice(-IDS_MAX),
  }));
}

/** A request between two proxies counts at both, as it is remembered of both. */
function seenSince({ traffic, wallTime }: WhatIfParts, sinceMs: number): number {
  if (sinceMs === 0) return 0;
  const nowMs = wallTime();
  return traffic
    .edges(nowMs, (nowMs - sinceMs) / 1_000)
    .reduce((sum, { requests, reporters }) => sum + requests * reporters.length, 0);
}

function idOf({ kind, namespace, name }: ParsedDocument): readonly ObjectId[] {
  return kind === undefined || namespace === undefined || name === undefined ? [] : [{ kind, namespace, name }];
}

/** One edit over many requests; what proxies get is made once for each. */
class Replay {
  readonly #before: Snapshot;
  readonly #after: Snapshot;
  readonly #nodes: ReadonlyMap<string, ProxyNode>;
  readonly #caches = { before: new TranslationCache(), after: new TranslationCache() };
  readonly #tables = new Map<string, { readonly before: RouteReplay; readonly after: RouteReplay } | undefined>();
  #skipped = 0;

  constructor(before: Snapshot, after: Snapshot, nodes: Iterable<ProxyNode>) {
    this.#before = before;
    this.#after = after;
    this.#nodes = new Map([...nodes].map((node) => [displayName(node), node]));
  }

  run(recent: readonly RecentRequest[]) {
    const changes: WhatIfChangeJson[] = [];
    let requests = 0;
    let sinceMs = 0;
    for (const one of recent) {
      const node = this.#nodes.get(`${one.last.workload}.${one.last.namespace}`);
      // What never got as far as a request (a refused handshake, bytes of TCP) has no route to look at.
      if (node === undefined || one.last.method === '') continue;
      requests += one.count;
      sinceMs = sinceMs === 0 ? one.firstMs : Math.min(sinceMs, one.firstMs);
      const found = one.last.direction === 'inbound' ? this.#received(node, one) : this.#sent(node, one);
      if (found !== undefined) changes.push({ ...common(one), ...found });
    }
    return { changes, requests, sinceMs };
  }

  notes(): readonly string[] {
    return this.#skipped === 0
      ? []
      : [`Only the ${PROXIES_MAX} busiest proxies were replayed; ${this.#skipped} kinds of requests were left out.`];
  }

  #sent(node: ProxyNode, { last, durationsMs }: RecentRequest): Found | undefined {
    const tables = this.#tablesOf(node);
    if (tables === undefined) {
      this.#skipped += 1;
      return undefined;
    }
    const table = tables.before.tableOf(last) ?? tables.after.tableOf(last);
    const truths = table === undefined ? new Map<string, boolean>() : tables.before.truths(table, last);
    const was = tables.before.outcome(table, last, truths);
    const is = tables.after.outcome(table, last, truths);
    return compareRoutes(was, is, durationsMs);
  }

  #received(node: ProxyNode, { last }: RecentRequest): Found | undefined {
    return compareJudgements(judge(this.#before, node, last), judge(this.#after, node, last));
  }

  #tablesOf(node: ProxyNode) {
    const known = this.#tables.get(node.id);
    if (known !== undefined || this.#tables.has(node.id)) return known;
    if (this.#tables.size >= PROXIES_MAX) return undefined;
    // Whole tables, however this proxy fetches them.
    const whole = { ...node, metadata: { ...node.metadata, TOPSAIL_VHDS: false } };
    const made = {
      before: new RouteReplay(translate(this.#before, whole, this.#caches.before)),
      after: new RouteReplay(translate(this.#after, whole, this.#caches.after)),
    };
    this.#tables.set(node.id, made);
    return made;
  }
}

function common({ last, count, ids }: RecentRequest) {
  return {
    side: last.direction === 'inbound' ? ('callee' as const) : ('caller' as const),
    source: nameOf(last.source, 'unknown'),
    destination: nameOf(last.destination, last.service || last.authority),
    method: last.method,
    authority: last.authority,
    path: last.path,
    count,
    ids,
  };
}

function nameOf({ workload }: TapRecordJson['source'], otherwise: string): string {
  return workload === '' || workload === 'unknown' ? otherwise : workload;
}

function compareJudgements(was: Judgement, is: Judgement): Found | undefined {
  if (was.allowed === is.allowed) return undefined;
  const facts = { before: was.words, after: is.words, cause: is.cause ?? was.cause, unsure: was.unsure || is.unsure };
  return { effect: is.allowed ? 'recovers' : 'fails', ...facts };
}

export function compareRoutes(was: RouteOutcome, is: RouteOutcome, durationsMs: readonly number[]): Found | undefined {
  const facts = {
    before: routeWords(was, durationsMs),
    after: routeWords(is, durationsMs),
    cause: is.cause ?? was.cause,
    unsure: was.unsure || is.unsure,
  };
  if (facts.before === facts.after && sameTargets(was, is)) return undefined;
  const [badBefore, badAfter] = [failing(was, durationsMs), failing(is, durationsMs)];
  const effect: WhatIfEffect | undefined =
    badAfter > badBefore + 0.001
      ? badAfter > 0.999
        ? 'fails'
        : 'may fail'
      : badBefore > badAfter + 0.001
        ? 'recovers'
        : is.delayShare * is.delayMs > was.delayShare * was.delayMs
          ? 'slower'
          : sameTargets(was, is) && was.kind === is.kind && was.status === is.status
            ? undefined
            : 'moves';
  return effect === undefined ? undefined : { effect, ...facts };
}

/** Share of such requests that would be answered with an error by the proxy itself, 0 to 1. */
function failing(outcome: RouteOutcome, durationsMs: readonly number[]): number {
  if (outcome.kind === 'no route') return 1;
  if (outcome.kind === 'answer') return outcome.status >= 400 ? 1 : 0;
  const empty = outcome.targets.reduce((sum, one) => sum + (one.endpoints === 0 ? one.share : 0), 0);
  const passes = (1 - empty) * (1 - outcome.abortShare) * (1 - lateShare(outcome, durationsMs));
  return 1 - passes;
}

/** Of the durations that were seen, those beyond the timeout. */
function lateShare({ timeoutMs, delayShare, delayMs }: RouteOutcome, durationsMs: readonly number[]): number {
  if (timeoutMs === 0 || durationsMs.length === 0) return 0;
  const late = durationsMs.filter((ms) => ms > timeoutMs).length / durationsMs.length;
  return delayMs > timeoutMs ? Math.max(late, delayShare) : late;
}

function sameTargets(a: RouteOutcome, b: RouteOutcome): boolean {
  const text = ({ targets }: RouteOutcome): string =>
    targets
      .map((one) => `${one.cluster} ${one.share.toFixed(4)}`)
      .sort()
      .join();
  return text(a) === text(b);
}

function routeWords(outcome: RouteOutcome, durationsMs: readonly number[]): string {
  const { kind, targets, timeoutMs, abortShare, abortStatus, delayShare, delayMs } = outcome;
  if (kind === 'no route') return '404: no route matches';
  if (kind === 'answer') return `${outcome.status} from the proxy itself`;
  if (kind === 'redirect') return 'a redirect';
  const parts = targets.map(
    ({ cluster, share, endpoints }) =>
      `${targetName(cluster)}${share < 0.9995 ? ` ${percent(share)}` : ''}${endpoints === 0 ? ' (503: no endpoint)' : ''}`,
  );
  const extras = [
    abortShare > 0 ? `${percent(abortShare)} answered ${abortStatus} by a fault` : '',
    delayShare > 0 ? `${percent(delayShare)} delayed by ${delayMs} ms` : '',
    lateShare(outcome, durationsMs) > 0
      ? `${percent(lateShare(outcome, durationsMs))} take longer than the timeout of ${timeoutMs} ms (504)`
      : '',
  ];
  return [parts.join(', '), ...extras].filter((one) => one !== '').join('; ');
}

/** `outbound|9080|v1|reviews.default.svc.cluster.local` -> "reviews v1". */
function targetName(cluster: string): string {
  const [, , subset = '', host = ''] = cluster.split('|');
  return host === '' ? cluster : `${host.split('.')[0]}${subset === '' ? '' : ` ${subset}`}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}
