// HTTP filter envoy.filters.http.header_mutation: changes request and response headers, by its own list and the route's.

import type { HeaderMutation } from '#proto/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import type {
  HeaderMutation as FilterConfig,
  HeaderMutationPerRoute,
  Mutations,
} from '#proto/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import type { RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import { compileAddition, compileRemoval, type Mutation, mutateRequest, mutateResponse } from '../../format/index.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { streamContext } from '../stream-context.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation';
const ROUTE_TYPE = `${TYPE}PerRoute`;

interface Lists {
  readonly request: readonly Mutation[];
  readonly response: readonly Mutation[];
}

function compileLists(mutations: Mutations | undefined, field: string): Lists {
  return {
    request: (mutations?.requestMutations ?? []).map((m, i) => compileMutation(m, `${field}.request_mutations[${i}]`)),
    response: (mutations?.responseMutations ?? []).map((m, i) =>
      compileMutation(m, `${field}.response_mutations[${i}]`),
    ),
  };
}

function compileMutation(mutation: HeaderMutation, field: string): Mutation {
  if (mutation.action.case === 'append') return compileAddition(mutation.action.value, `${field}.append`);
  if (mutation.action.case === 'remove') return compileRemoval(mutation.action.value, `${field}.remove`);
  throw new ConfigError('proxy.field-required', `${field}.action`);
}

class HeaderMutationFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #lists: readonly Lists[];
  readonly #wallTime: () => number;
  #head: RequestHead | undefined;

  constructor(callbacks: FilterCallbacks, lists: readonly Lists[], wallTime: () => number) {
    this.#callbacks = callbacks;
    this.#lists = lists;
    this.#wallTime = wallTime;
  }

  requestHead(head: RequestHead): FilterStatus {
    this.#head = head;
    for (const { request } of this.#lists)
      mutateRequest(request, head, () => streamContext(this.#callbacks, head, this.#wallTime()));
    return 'continue';
  }

  responseHead(head: ResponseHead): FilterStatus {
    for (const { response } of this.#lists) {
      mutateResponse(response, head, () => ({
        ...streamContext(this.#callbacks, this.#head, this.#wallTime()),
        responseHeaders: head.headers,
      }));
    }
    return 'continue';
  }
}

export const headerMutationExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.header_mutation',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const message = decodeMessage<FilterConfig>(TYPE, config, filterName);
    const own = compileLists(message.mutations, filterName);
    const wallTime = (): number => context.clock.wallTime();
    return {
      name: filterName,
      create: (callbacks) => {
        const route = callbacks.route?.perFilterConfig(filterName) as Lists | undefined;
        // The filter's own list is applied first; the route's, applied later, wins.
        return new HeaderMutationFilter(callbacks, route === undefined ? [own] : [own, route], wallTime);
      },
    };
  },
  routeConfig: (config) =>
    compileLists(
      decodeMessage<HeaderMutationPerRoute>(ROUTE_TYPE, config, 'typed_per_filter_config').mutations,
      'typed_per_filter_config',
    ),
};
