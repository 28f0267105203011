// Compiles one VirtualHost with all its routes; later the table only looks up, and one host can be replaced without the others.

import type { JsonObject } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { runAtOnce, type Steps } from '#base';
import type { Metadata } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type {
  DirectResponseAction,
  Route,
  VirtualHost,
  WeightedCluster_ClusterWeight,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import { ConfigError } from '../errors.ts';
import { compileHeaderOptions, type Mutation } from '../format/index.ts';
import { fractionOf } from '../matcher/fraction.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { Choice, type ChoiceParts } from './choice.ts';
import { type ChooseCluster, compileClusterChoice } from './cluster-choice.ts';
import type { CompiledRoute, FilterMetadata, RouteChoice, RouteTarget } from './compiled.ts';
import { type DomainPattern, parseDomain } from './domain-table.ts';
import { compileForward } from './forward.ts';
import type { RouteOptions } from './options.ts';
import { compileRedirect, HTTPS_REDIRECT } from './redirect.ts';
import { type CompiledMatch, compileMatch } from './route-match.ts';
import { RouteIndex } from './route-index.ts';

/** Some 0.3 ms. */
const ROUTES_PER_STEP = 8;

/** The parts of a table that its virtual hosts inherit. */
export type TableSettings = Pick<
  RouteConfiguration,
  | 'requestHeadersToAdd'
  | 'requestHeadersToRemove'
  | 'responseHeadersToAdd'
  | 'responseHeadersToRemove'
  | 'mostSpecificHeaderMutationsWins'
  | 'requestMirrorPolicies'
  | 'typedPerFilterConfig'
  | 'maxDirectResponseBodySizeBytes'
  | 'name'
>;

interface Entry {
  readonly match: CompiledMatch;
  readonly choose: ChooseCluster;
}

/** Something that may set headers and filter configs: table, host, route, weighted cluster. */
interface Level {
  readonly requestHeadersToAdd: Route['requestHeadersToAdd'];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: Route['responseHeadersToAdd'];
  readonly responseHeadersToRemove: readonly string[];
  readonly typedPerFilterConfig: Readonly<Record<string, Any>>;
}

export class CompiledVirtualHost {
  readonly name: string;
  readonly domains: readonly DomainPattern[];
  #routes: RouteIndex<Entry> | undefined;
  readonly #again: (() => readonly Entry[]) | undefined;
  readonly #requireTls: 'none' | 'external' | 'all';
  #tlsRedirect: RouteChoice | undefined = undefined;

  private constructor(
    host: VirtualHost,
    domains: readonly DomainPattern[],
    routes: readonly Entry[] | (() => readonly Entry[]),
  ) {
    this.name = host.name;
    this.domains = domains;
    this.#requireTls = host.requireTls === 2 ? 'all' : host.requireTls === 1 ? 'external' : 'none';
    this.#routes = typeof routes === 'function' ? undefined : new RouteIndex(routes);
    this.#again = typeof routes === 'function' ? routes : undefined;
  }

  /** Pauses after every few routes. With `again`, which reads it once more, it keeps no routes until its first request. */
  static *compile(
    host: VirtualHost,
    table: TableSettings,
    options: RouteOptions,
    again?: () => VirtualHost,
  ): Steps<CompiledVirtualHost> {
    const field = `virtual_hosts["${host.name}"]`;
    tellUnread('VirtualHost', host, field, options.warn);
    if (host.domains.length === 0) throw new ConfigError('proxy.field-required', `${field}.domains`);
    if (host.matcher !== undefined)
      throw new ConfigError('proxy.unsupported', `${field}.matcher`, 'give the routes as a list');
    if (host.cors !== undefined)
      options.warn(
        `${field}.cors`,
        'has no effect: give the policy as typed_per_filter_config of envoy.filters.http.cors',
      );
    const domains = host.domains.map(parseDomain);
    const entries = yield* compileRoutes(host, table, options);
    if (again === undefined) return new CompiledVirtualHost(host, domains, entries);
    // What it warns of was said.
    return new CompiledVirtualHost(host, domains, () =>
      runAtOnce(compileRoutes(again(), table, { ...options, warn: () => {} })),
    );
  }

  choose(input: MatchInput, random: number): RouteChoice | undefined {
    if (this.#requireTls !== 'none' && this.#mustRedirect(input))
      return (this.#tlsRedirect ??= redirectChoice(this.name));
    this.#routes ??= new RouteIndex(this.#again?.() ?? []);
    return this.#routes.find(input, random)?.choose(input, random);
  }

  #mustRedirect(input: MatchInput): boolean {
    if ((input.head.headers.get('x-forwarded-proto') ?? input.head.scheme) === 'https') return false;
    return this.#requireTls === 'all' || input.head.headers.get('x-envoy-internal') !== 'true';
  }
}

function* compileRoutes(host: VirtualHost, table: TableSettings, options: RouteOptions): Steps<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const route of host.routes) {
    const field = `virtual_hosts["${host.name}"].routes[${entries.length}]`;
    entries.push(new RouteCompiler(route, host, table, field, options).compile());
    if (entries.length % ROUTES_PER_STEP === 0) yield;
  }
  return entries;
}

function redirectChoice(virtualHost: string): RouteChoice {
  const route: CompiledRoute = {
    name: '',
    virtualHost,
    path: { kind: 'prefix', value: '/' },
    action: HTTPS_REDIRECT,
    decorator: undefined,
    metadata: undefined,
    statPrefix: '',
    bufferLimit: undefined,
    tracing: undefined,
    rateLimits: [],
    virtualHostRateLimits: [],
    attemptCountInRequest: false,
    attemptCountInResponse: false,
    timeoutRetryInRequest: false,
  };
  return new Choice(
    {
      route,
      metadataMatch: undefined,
      hostRewriteLiteral: '',
      requestMutations: [],
      responseMutations: [],
      filterConfigs: new Map(),
    },
    '',
  );
}

class RouteCompiler {
  readonly #source: Route;
  readonly #host: VirtualHost;
  readonly #table: TableSettings;
  readonly #field: string;
  readonly #options: RouteOptions;

  constructor(source: Route, host: VirtualHost, table: TableSettings, field: string, options: RouteOptions) {
    this.#source = source;
    this.#host = host;
    this.#table = table;
    this.#field = source.name === '' ? field : `${field} "${source.name}"`;
    this.#options = options;
  }

  compile(): Entry {
    const source = this.#source;
    if (source.match === undefined) throw new ConfigError('proxy.field-required', `${this.#field}.match`);
    const match = compileMatch(source.match, `${this.#field}.match`);
    const route = this.#route(match);
    if (source.action.case === 'route') {
      const action = source.action.value;
      const routeMatch = action.metadataMatch;
      return {
        match,
        choose: compileClusterChoice(
          action,
          (weighted, field) => this.#parts(route, weighted, routeMatch, field),
          `${this.#field}.route`,
        ),
      };
    }
    const choice = new Choice(this.#parts(route, undefined, undefined, this.#field), '');
    return { match, choose: () => choice };
  }

  #route(match: CompiledMatch): CompiledRoute {
    const source = this.#source;
    const includeHost =
      source.action.case === 'route' &&
      (source.action.value.rateLimits.length === 0 || source.action.value.includeVhRateLimits === true);
    const tracing = source.tracing;
    return Object.freeze({
      name: source.name,
      virtualHost: this.#host.name,
      path: match.path.rule,
      action: Object.freeze(this.#action(match)),
      decorator:
        source.decorator === undefined
          ? undefined
          : { operation: source.decorator.operation, propagate: source.decorator.propagate ?? true },
      metadata: source.metadata?.filterMetadata,
      statPrefix: source.statPrefix,
      bufferLimit: source.perRequestBufferLimitBytes ?? this.#host.perRequestBufferLimitBytes,
      tracing:
        tracing === undefined
          ? undefined
          : {
              client: fractionOf(tracing.clientSampling, 1),
              random: fractionOf(tracing.randomSampling, 1),
              overall: fractionOf(tracing.overallSampling, 1),
            },
      rateLimits: source.action.case === 'route' ? source.action.value.rateLimits : [],
      virtualHostRateLimits: includeHost ? this.#host.rateLimits : [],
      attemptCountInRequest: this.#host.includeRequestAttemptCount,
      attemptCountInResponse: this.#host.includeAttemptCountInResponse,
      timeoutRetryInRequest: this.#host.includeIsTimeoutRetryHeader,
    });
  }

  #action(match: CompiledMatch): RouteTarget {
    const { action } = this.#source;
    switch (action.case) {
      case 'route': {
        const defaults = {
          virtualHost: this.#host,
          virtualHostField: `virtual_hosts["${this.#host.name}"]`,
          tableMirrors: this.#table.requestMirrorPolicies,
        };
        return compileForward(action.value, match.path, defaults, `${this.#field}.route`, this.#options);
      }
      case 'redirect':
        return compileRedirect(action.value, match.path, `${this.#field}.redirect`);
      case 'directResponse':
        return {
          kind: 'direct',
          status: action.value.status,
          body: directBody(
            action.value,
            this.#table.maxDirectResponseBodySizeBytes ?? 4096,
            `${this.#field}.direct_response`,
          ),
        };
      case 'nonForwardingAction':
        return { kind: 'none' };
      case 'filterAction':
        throw new ConfigError(
          'proxy.unsupported',
          `${this.#field}.filter_action`,
          'give route, redirect or direct_response',
        );
      case undefined:
        throw new ConfigError('proxy.field-required', `${this.#field}.action`);
    }
  }

  #parts(
    route: CompiledRoute,
    weighted: WeightedCluster_ClusterWeight | undefined,
    routeMatch: Metadata | undefined,
    field: string,
  ): ChoiceParts {
    const levels: (readonly [Level, string])[] = [
      [this.#source, this.#field],
      [this.#host, `virtual_hosts["${this.#host.name}"]`],
      [this.#table, 'route configuration'],
    ];
    if (weighted !== undefined) levels.unshift([weighted, field]);
    const ordered = this.#table.mostSpecificHeaderMutationsWins ? levels.toReversed() : levels;
    const filterConfigs = new Map<string, unknown>();
    for (const [level, at] of levels) this.#decodeConfigs(level, at, filterConfigs);
    return {
      route,
      metadataMatch: mergeMatch(routeMatch, weighted?.metadataMatch),
      hostRewriteLiteral: weighted?.hostRewriteSpecifier.value ?? '',
      requestMutations: ordered.flatMap(([level, at]): readonly Mutation[] =>
        compileHeaderOptions(level.requestHeadersToAdd, level.requestHeadersToRemove, `${at}.request_headers_to_add`),
      ),
      responseMutations: ordered.flatMap(([level, at]): readonly Mutation[] =>
        compileHeaderOptions(
          level.responseHeadersToAdd,
          level.responseHeadersToRemove,
          `${at}.response_headers_to_add`,
        ),
      ),
      filterConfigs,
    };
  }

  #decodeConfigs(level: Level, at: string, into: Map<string, unknown>): void {
    for (const [name, config] of Object.entries(level.typedPerFilterConfig)) {
      if (into.has(name)) continue;
      const decoded = this.#options.decodeFilterConfig(name, config, `${at}.typed_per_filter_config["${name}"]`);
      if (decoded !== undefined) into.set(name, decoded);
    }
  }
}

/** A weighted cluster's conditions on hosts win over its route's, key by key. */
function mergeMatch(route: Metadata | undefined, weighted: Metadata | undefined): FilterMetadata | undefined {
  if (route === undefined && weighted === undefined) return undefined;
  const merged: Record<string, JsonObject> = { ...route?.filterMetadata };
  for (const [filter, keys] of Object.entries(weighted?.filterMetadata ?? {}))
    merged[filter] = { ...merged[filter], ...keys };
  return merged;
}

function directBody(action: DirectResponseAction, limit: number, field: string): string {
  const source = action.body?.specifier;
  if (source === undefined || source.case === undefined) return '';
  if (source.case !== 'inlineString' && source.case !== 'inlineBytes')
    throw new ConfigError('proxy.unsupported', `${field}.body`, 'only inline_string and inline_bytes are read');
  const body = source.case === 'inlineString' ? source.value : Buffer.from(source.value).toString('utf8');
  if (Buffer.byteLength(body) > limit)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.body`,
      `has more than ${limit} bytes (max_direct_response_body_size_bytes)`,
    );
  return body;
}
