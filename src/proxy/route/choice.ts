// A chosen route with its cluster: what the router and the filters hold on to for the life of a stream.

import type { RequestHead, ResponseHead } from '#wire/http';
import { type FormatContext, type Mutation, mutateRequest, mutateResponse } from '../format/index.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import type { CompiledRoute, FilterMetadata, RouteChoice } from './compiled.ts';

/** Everything of a choice but its cluster's name; shared by all requests that get it. */
export interface ChoiceParts {
  readonly route: CompiledRoute;
  readonly metadataMatch: FilterMetadata | undefined;
  readonly hostRewriteLiteral: string;
  readonly requestMutations: readonly Mutation[];
  readonly responseMutations: readonly Mutation[];
  /** Most specific wins: already merged over weighted cluster, route, virtual host and table. */
  readonly filterConfigs: ReadonlyMap<string, unknown>;
}

export class Choice implements RouteChoice {
  readonly route: CompiledRoute;
  readonly cluster: string;
  readonly #parts: ChoiceParts;

  constructor(parts: ChoiceParts, cluster: string) {
    this.route = parts.route;
    this.cluster = cluster;
    this.#parts = parts;
  }

  get name(): string {
    return this.route.name;
  }

  get virtualHost(): string {
    return this.route.virtualHost;
  }

  get metadata(): FilterMetadata | undefined {
    return this.route.metadata;
  }

  get metadataMatch(): FilterMetadata | undefined {
    return this.#parts.metadataMatch;
  }

  get hostRewriteLiteral(): string {
    return this.#parts.hostRewriteLiteral;
  }

  perFilterConfig(filterName: string): unknown {
    const { filterConfigs } = this.#parts;
    return filterConfigs.size === 0 ? undefined : filterConfigs.get(filterName);
  }

  mutateRequestHeaders(head: RequestHead, input: MatchInput): void {
    const mutations = this.#parts.requestMutations;
    if (mutations.length > 0) mutateRequest(mutations, head, () => liveContext(input));
  }

  mutateResponseHeaders(head: ResponseHead, input: MatchInput): void {
    const mutations = this.#parts.responseMutations;
    if (mutations.length > 0)
      mutateResponse(mutations, head, () => ({ ...liveContext(input), responseHeaders: head.headers }));
  }
}

function liveContext(input: MatchInput): FormatContext {
  return {
    record: input.record,
    connection: input.connection,
    requestHead: input.head,
    responseHeaders: undefined,
    nowWallMs: input.record.startWallMs,
    localReplyBody: '',
    accessLogType: '',
  };
}
